"""Options that several commands about the memory share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ruster.cli.options import complete_sessions

__all__ = ["IdArgument", "KindOption", "Layer", "LayerOption", "MemorySession", "TagOption"]


class Layer(StrEnum):
    """How far from the moment something is kept."""

    INTERACT = "interact"
    INSIGHTS = "insights"
    ASSETS = "assets"


MemorySession = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        help="Also this session's memory; in place of yours where one is meant.",
        autocompletion=complete_sessions,
    ),
]
LayerOption = Annotated[Layer | None, typer.Option("--layer", "-l", help="Only, or into, it.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", "-t", help="A tag; may be repeated.")]
KindOption = Annotated[str | None, typer.Option("--kind", "-k", help="A kind, such as fact.")]
IdArgument = Annotated[str, typer.Argument(help="The memory's id, as lists show it.")]
