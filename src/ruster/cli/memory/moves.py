"""``rusterctl memory promote``, ``log`` and ``undo``: what rules and people did."""

from __future__ import annotations

from typing import Annotated

import typer

from ruster.cli.memory.options import IdArgument, Layer, MemorySession
from ruster.cli.memory.wording import print_log
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.protocol.events import MemoryLogPage, MemoryReport, MemoryUndone

__all__ = ["log", "promote", "undo"]

_Entries = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Entries at most.")]
_To = Annotated[Layer, typer.Argument(help="The layer.")]
_MaybeId = Annotated[str | None, typer.Argument(help="Only of this memory.")]
_Entry = Annotated[int, typer.Argument(help="An entry of the log; its whole step is undone.")]


def promote(
    memory: IdArgument,
    layer: _To = Layer.INSIGHTS,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a memory to another layer; the log tells of it."""
    report = request(
        socket,
        MemoryReport,
        "memory_promote",
        as_json,
        session_id=session,
        memory_id=memory,
        layer=layer.value,
    )
    if report is not None:
        print(f"{report.memory.memory_id} is in {report.memory.layer}")


def log(
    memory: _MaybeId = None,
    limit: _Entries = 50,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which memories were moved, merged, replaced and forgotten, and by which rule."""
    page = request(
        socket,
        MemoryLogPage,
        "memory_log",
        as_json,
        session_id=session,
        memory_id=memory,
        limit=limit,
    )
    if page is not None:
        print_log(page.entries)


def undo(
    entry: _Entry,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo a step of the log; what comes back is pinned."""
    done = request(socket, MemoryUndone, "memory_undo", as_json, session_id=session, number=entry)
    if done is not None:
        print_log(done.entries)
