"""``ogenius download``: models from the hub, several at once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from ruster.cli.guard import FAILED
from ruster.cli.terminal import printable, visible
from ruster.ogenius.bringing import bring
from ruster.ogenius.opening import Choice, open_genius
from ruster.ogenius.options import QuantOption

__all__ = ["download"]

_Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="HF-ID...",
        help="ORG/REPO, ORG/REPO:QUANT, ORG/REPO:FILE.gguf, or a name of `ogenius models list -a`.",
    ),
]


def download(ids: _Ids, quant: QuantOption = None) -> int:
    """Bring models to this machine and print where they are.

    Stopped with Ctrl-C, or cut off, a download goes on from there the next time.
    """
    return asyncio.run(_download(ids, quant))


async def _download(ids: list[str], quant: str | None) -> int:
    status = 0
    async with open_genius(Choice()) as genius:
        for name, found in (await bring(genius, ids, quant)).items():
            if isinstance(found, Path):
                print(printable(str(found)), flush=True)
            else:
                status = FAILED
                whose = f"{visible(name)}: " if len(ids) > 1 else ""
                print(f"ogenius: {whose}{visible(found.message)}", file=sys.stderr)
    return status
