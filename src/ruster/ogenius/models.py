"""``ogenius models``: what is on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.filesize import decimal

from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.core.manifest import Purpose
from ruster.modelstore.store import ModelStore
from ruster.modelstore.stored import StoredModel
from ruster.ogenius.opening import Choice, open_genius

__all__ = ["list_models", "remove", "show", "verify"]

_Result = TypeVar("_Result")
_All = Annotated[bool, typer.Option("--all", "-a", help="Also those that are not here yet.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, one model a line.")]
_Model = Annotated[str, typer.Argument(help="A name of the list, ORG/REPO or ORG/REPO:QUANT.")]


def list_models(every: _All = False, as_json: _Json = False) -> None:
    """List the models of this machine."""
    models = _with_store(lambda store: store.list(only_here=not every))
    if as_json:
        for model in models:
            print(json.dumps(_told(model)))
        return
    heads = ("Model", "Quantization", "Here", "Kind", "Size")
    print_rows(heads, [_row(model) for model in models])


def show(model: _Model, as_json: _Json = False) -> None:
    """Tell what is known of a model."""
    told = _told(_with_store(lambda store: store.show(model)))
    if as_json:
        print(json.dumps(told))
    else:
        print_rows(("What", "Value"), [(key, str(value)) for key, value in told.items()])


def verify(model: _Model) -> None:
    """Check a model's files against the checksum they came with."""
    found = _with_store(lambda store: store.verify(model))
    print(f"{printable(found.name)} is as it was published")


def remove(model: _Model) -> None:
    """Take a model off this machine; files of other programs stay where they are."""
    found = _with_store(lambda store: store.remove(model))
    print(f"removed {printable(found.name)}")


def _with_store(use: Callable[[ModelStore], Awaitable[_Result]]) -> _Result:
    async def run() -> _Result:
        async with open_genius(Choice()) as genius:
            return await use(genius.files)

    return asyncio.run(run())


def _told(model: StoredModel) -> dict[str, Any]:
    path = str(model.path) if model.path is not None else None
    told = asdict(model) | {"path": path, "purpose": model.purpose.value}
    return {key: value for key, value in told.items() if value is not None}


def _row(model: StoredModel) -> tuple[str, ...]:
    kind = "vectors" if model.purpose is Purpose.EMBEDDING else "answers"
    size = decimal(model.size_bytes) if model.size_bytes is not None else ""
    here = "yes" if model.path is not None else ""
    return model.name, model.quantization or "", here, kind, size
