"""``rusterctl memory backup``, ``backups``, ``restore`` and ``reindex``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ruster.cli.memory.asking import agreed
from ruster.cli.memory.options import MemorySession
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.core.errors import ProtocolError
from ruster.protocol.events import (
    MemoryBackedUp,
    MemoryBackupListing,
    MemoryBackupRemoved,
    MemoryReindexed,
    MemoryRestored,
)

__all__ = ["back_up", "list_backups", "reindex", "restore"]

_MIB = 1 << 20
_MaybeName = Annotated[str | None, typer.Argument(help="What to call the copy; else the time.")]
_Name = Annotated[str, typer.Argument(help="The copy's name.")]
_Remove = Annotated[str | None, typer.Option("--remove", help="Delete this copy.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def back_up(
    name: _MaybeName = None,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a memory, as it is at this moment, into a file beside others."""
    done = request(socket, MemoryBackedUp, "memory_backup", as_json, session_id=session, name=name)
    if done is not None:
        print(printable(done.path or done.backup.name))


def list_backups(
    remove: _Remove = None,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the copies, newest first, or delete one."""
    if remove is not None:
        gone = request(
            socket,
            MemoryBackupRemoved,
            "memory_backup_remove",
            as_json,
            session_id=session,
            name=remove,
        )
        if gone is not None:
            print(f"deleted {gone.name}")
        return
    listed = request(socket, MemoryBackupListing, "memory_backups", as_json, session_id=session)
    if listed is not None:
        rows = [(it.name, it.time[:16], f"{it.size_bytes / _MIB:.1f} MiB") for it in listed.backups]
        print_rows(("Copy", "Made", "Size"), rows)


def restore(
    name: _Name,
    yes: _Yes = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put a copy in the place of a memory; what was there is kept as before-restore."""
    if not yes:
        if as_json:
            raise ProtocolError("with --json nobody can be asked; say --yes")
        if not agreed("What was remembered since is set aside. Go on?"):
            print("nothing was changed", file=sys.stderr)
            return 1
    done = request(socket, MemoryRestored, "memory_restore", as_json, session_id=session, name=name)
    if done is not None:
        kept = "" if done.before is None else f"; what was there is kept as {done.before}"
        print(f"restored {done.name}{kept}")
    return 0


def reindex(
    session: MemorySession = None, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Make all indexes of a memory anew from what is remembered."""
    done = request(socket, MemoryReindexed, "memory_reindex", as_json, session_id=session)
    if done is not None:
        for wrong in done.repaired:
            print(f"repaired: {printable(wrong)}")
        print("the indexes are new")
