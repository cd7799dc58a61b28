"""Which skills a session has: those added to it, and those chosen for its last messages.

``skills.json`` in the session's folder has what people did (added and removed skills), durably.
``active-skills.json`` beside it has what was chosen and for how many turns that stays; it is
replaced whole as well, but does not wait for the disk: after a power cut it may be gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ruster.skills.fields import is_skill_name
from ruster.storage.disk import Disk, storage_error
from ruster.storage.files import write_atomic

__all__ = ["Activation", "ActivationStore"]

_log = logging.getLogger("ruster.skills")
_KEPT = "skills.json"
_ACTIVE = "active-skills.json"
_MAX_BYTES = 64 * 1024
_MAX_NAMES = 256
_MAX_TURNS = 1000


@dataclass(frozen=True, slots=True)
class Activation:
    """``pinned`` were added, ``removed`` are not to come by themselves; both oldest first.

    ``active`` maps what was chosen for a message to the turns it still stays.
    """

    pinned: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    active: Mapping[str, int] = field(default_factory=dict)

    def pin(self, name: str) -> Activation:
        """Add a skill."""
        pinned = (*(it for it in self.pinned if it != name), name)
        return replace(self, pinned=pinned, removed=_without(self.removed, name))

    def remove(self, name: str) -> Activation:
        """Take a skill away, also one that every session begins with."""
        removed = (*_without(self.removed, name), name)[-_MAX_NAMES:]
        active = {it: turns for it, turns in self.active.items() if it != name}
        return Activation(_without(self.pinned, name), removed, active)


class ActivationStore:
    """Reads and changes the activation of sessions by their folder."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def read(self, folder: Path) -> Activation:
        """Return a session's activation; a file that is missing or damaged counts as empty."""
        return await asyncio.to_thread(_read, folder)

    async def change(
        self, folder: Path, change: Callable[[Activation], Activation]
    ) -> tuple[Activation, Activation]:
        """Apply a change, one at a time for each session; return what was and what is.

        Raises StorageError, and whatever ``change`` raises.
        """
        lock = self._locks.get(folder)
        if lock is None:
            lock = self._locks[folder] = asyncio.Lock()
        async with lock:
            before = await asyncio.to_thread(_read, folder)
            after = change(before)
            if after != before:
                await asyncio.to_thread(self._write, folder, before, after)
        return before, after

    def _write(self, folder: Path, before: Activation, after: Activation) -> None:
        if (before.pinned, before.removed) != (after.pinned, after.removed):
            kept = {"pinned": after.pinned, "removed": after.removed}
            write_atomic(folder / _KEPT, json.dumps(kept).encode(), self._disk)
        if before.active != after.active:
            _replace(folder / _ACTIVE, json.dumps({"active": dict(after.active)}).encode())


def _replace(path: Path, data: bytes) -> None:
    """Replace a file without waiting for the disk."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise storage_error(error, f"write {path}") from error


def _read(folder: Path) -> Activation:
    kept, chosen = _load(folder / _KEPT), _load(folder / _ACTIVE)
    active = chosen.get("active")
    turns = active if isinstance(active, dict) else {}
    return Activation(
        pinned=_names(kept.get("pinned")),
        removed=_names(kept.get("removed")),
        active={
            name: count
            for name in _names(list(turns))
            if type(count := turns[name]) is int and 0 <= count <= _MAX_TURNS
        },
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    try:
        value = json.loads(data) if len(data) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        _log.error("%s is damaged: the session goes on without the skills it had", path)
        return {}
    return value


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    good = (it for it in value if isinstance(it, str) and is_skill_name(it))
    return tuple(dict.fromkeys(good))[:_MAX_NAMES]


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(it for it in names if it != name)
