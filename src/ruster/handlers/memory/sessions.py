"""All sessions of an owner that have a memory, those first that were used last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ruster.handlers.memory.reach import Reach

__all__ = ["SessionMemory", "session_memories"]

_HISTORY = "history.jsonl"


class SessionMemory(NamedTuple):
    """A session and the file of its memory."""

    session_id: str
    file: Path


async def session_memories(reach: Reach, owner: int) -> list[SessionMemory]:
    """Return what there is, the last used first; raises StorageError."""
    file_in = reach.memory.memories.session_file
    found = [SessionMemory(id, file_in(it)) for id, it in await reach.sessions_of(owner)]
    return await asyncio.to_thread(_by_use, found)


def _by_use(found: Iterable[SessionMemory]) -> list[SessionMemory]:
    """Leave out those without a memory and put the last used first (blocks)."""
    used = {it: _used(it.file) for it in found if it.file.exists()}
    return sorted(used, key=lambda it: (-used[it], it.session_id))


def _used(file: Path) -> float:
    """Return when something was said in a session, or else when its memory changed."""
    for path in (file.parent.parent / _HISTORY, file):
        try:
            return path.stat().st_mtime
        except OSError:  # it has none, or is going
            continue
    return 0.0
