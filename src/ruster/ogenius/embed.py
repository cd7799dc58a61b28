"""``ogenius embed``: texts in, one JSON array of numbers per text out."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer

from ruster.cli.terminal import clean_argument
from ruster.ogenius.bringing import bring_all
from ruster.ogenius.opening import Choice, check_engine, open_genius
from ruster.ogenius.options import (
    DEFAULT_EMBED_MODEL,
    STUB,
    ContextSizeOption,
    ModelOption,
    QuantOption,
    StubOption,
)

__all__ = ["embed"]

_STDIN = "-"
_MAX_BYTES = 64 << 20
_Inputs = Annotated[
    list[str],
    typer.Option("--input", "-i", help="A text, or - for all of stdin; may be repeated."),
]


def embed(
    inputs: _Inputs,
    model: ModelOption = DEFAULT_EMBED_MODEL,
    quant: QuantOption = None,
    context_size: ContextSizeOption = None,
    stub: StubOption = False,
) -> None:
    """Print the vector of each text as a JSON array, one a line. Vectors have length 1."""
    if inputs.count(_STDIN) > 1:
        raise typer.BadParameter("stdin can be read once", param_hint="--input")
    texts = [_stdin() if text == _STDIN else clean_argument(text) for text in inputs]
    choice = Choice(STUB if stub else model, quant, context_size)
    for vector in asyncio.run(_embed(choice, texts)):
        print(json.dumps(vector))


async def _embed(choice: Choice, texts: list[str]) -> list[list[float]]:
    async with open_genius(choice) as genius:
        check_engine(genius, choice.model)
        await bring_all(genius, [choice.model])
        return await genius.embed(texts)


def _stdin() -> str:
    data = sys.stdin.buffer.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise typer.BadParameter(f"stdin is over {_MAX_BYTES >> 20} MiB", param_hint="--input")
    return data.decode("utf-8", "replace")
