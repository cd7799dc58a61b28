"""``rusterctl memory forget``: shows what would go, asks, deletes, and says what is gone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ruster.cli.memory.asking import agreed
from ruster.cli.memory.options import MemorySession
from ruster.cli.memory.wording import counted, print_memories
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.terminal import clean_argument, printable
from ruster.core.errors import ProtocolError
from ruster.protocol.events import MemoryForgotten

__all__ = ["forget"]

_MAX_IDS = 500
_Ids = Annotated[list[str] | None, typer.Argument(help="Ids of memories.")]
_Query = Annotated[
    str | None, typer.Option("--query", "-q", help="What was said that has these words.")
]
_Path = Annotated[
    str | None,
    typer.Option("--path", help="A document or page, or all below a folder; the files stay."),
]
_Key = Annotated[
    str | None,
    typer.Option("--key", help="Facts by name with their history; * for any characters."),
]
_Limit = Annotated[
    int,
    typer.Option("--limit", "-n", min=1, max=100, help="The most that --query deletes with --yes."),
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")]


def forget(  # noqa: PLR0913 - each is an option
    ids: _Ids = None,
    query: _Query = None,
    path: _Path = None,
    key: _Key = None,
    limit: _Limit = 10,
    yes: _Yes = False,
    dry_run: _DryRun = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Delete memories for good: no word of them is left in the memory's file.

    What sessions, files and backups hold is left alone.
    """
    wanted: dict[str, Any] = {
        "session_id": session,
        "memory_ids": ids or None,
        "query": None if query is None else clean_argument(query),
        "path": None if path is None else _place(path),
        "key": key,
        "limit": limit if query is not None else None,
    }
    if as_json or yes:
        how = {"dry_run": True} if dry_run else {"confirm": True}
        if not dry_run and not yes:
            raise ProtocolError("with --json nobody can be asked; say --yes or --dry-run")
        gone = request(socket, MemoryForgotten, "memory_forget", as_json, **wanted, **how)
        if gone is not None:
            _show(gone) if dry_run else _tell(gone)
        return 0
    found = request(socket, MemoryForgotten, "memory_forget", False, **wanted, dry_run=True)
    assert found is not None
    _show(found)
    if query is not None and not found.total:
        print("what documents and tools say goes by its id, or by --path", file=sys.stderr)
    if dry_run or not (found.total or found.keys):
        return 0
    names = counted(len(found.keys), "name")
    what = counted(found.total, "memory", "memories") if found.total else names
    if not agreed(f"Delete {what} for good?"):
        print("nothing was deleted", file=sys.stderr)
        return 1
    if query is not None and found.total <= _MAX_IDS:  # exactly what was shown
        wanted |= {"query": None, "limit": None, "memory_ids": found.memory_ids}
    gone = request(socket, MemoryForgotten, "memory_forget", False, **wanted, confirm=True)
    assert gone is not None
    _tell(gone)
    return 0


def _place(path: str) -> str:
    """Return a path as ``add`` wrote it; what is no path is an address or a document's name."""
    if "://" in path:
        return path
    given = Path(path).expanduser()
    return str(given.resolve()) if "/" in path or given.exists() else path


def _show(found: MemoryForgotten) -> None:
    print_memories(found.memories)
    if found.total > len(found.memories):
        print(f"and {found.total - len(found.memories)} more")
    for key in found.keys:
        print(printable(key))
    for missing in found.missing:
        print(f"there is no memory {printable(missing)}", file=sys.stderr)
    if not (found.total or found.keys):
        print("nothing is found", file=sys.stderr)


def _tell(gone: MemoryForgotten) -> None:
    """Say what was deleted: memories, and the rows that held them."""
    if gone.keys:
        print(f"deleted {counted(len(gone.keys), 'name')} with all they held")
    if gone.total or not gone.keys:
        more = len(gone.summaries)
        made = f" and {counted(more, 'summary', 'summaries')} made of them" if more else ""
        rows = f"{counted(gone.pieces, 'piece')} of text, {counted(gone.vectors, 'vector')}"
        print(f"deleted {counted(gone.total, 'memory', 'memories')}{made} ({rows})")
    if gone.left:
        print(f"{gone.left} of them are still there; try again", file=sys.stderr)
