"""Copies of memories, made while they are in use, and put back in their place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import Clock, rfc3339
from ruster.core.errors import MemoryError
from ruster.core.ids import check_name, new_id
from ruster.memory.memories import Memories
from ruster.storage.disk import Disk, storage_error
from ruster.storage.files import make_private_folder

__all__ = ["BEFORE_RESTORE", "Backup", "Backups"]

BEFORE_RESTORE = "before-restore"
"""The copy of what a restored copy took the place of."""
_SUFFIX = ".sqlite"
_PART, _RESTORING = ".part", ".restoring"
_MAX_COPIES = 100


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy: its name, its size, when it was made (seconds since the epoch)."""

    name: str
    size_bytes: int
    made: float
    path: Path


class Backups:
    """The copies of one memory, the file ``memory``, in a folder of their own.

    One at a time may be at work: what an earlier one left undone is swept away. Methods raise
    MemoryError, StorageError, and ProtocolError for a bad name.
    """

    def __init__(self, memories: Memories, memory: Path, folder: Path, clock: Clock) -> None:
        self._memories = memories
        self._memory = memory
        self._folder = folder
        self._clock = clock
        self._disk = Disk()

    async def make(self, name: str | None = None) -> Backup:
        """Copy the memory as it is now; raises MemoryError (``backup_exists``)."""
        await asyncio.to_thread(self._sweep)
        path = self._path(name or rfc3339(self._clock.now())[:19].replace(":", "-"))
        if await asyncio.to_thread(path.exists):
            raise MemoryError(f"there is a backup {path.stem!r} already", code="backup_exists")
        if len(await self.all()) >= _MAX_COPIES:
            raise MemoryError(f"there are {_MAX_COPIES} backups; remove some", code="backup_limit")
        return await self._make(path)

    async def all(self) -> list[Backup]:
        """Return all copies, newest first."""
        return await asyncio.to_thread(self._found)

    async def remove(self, name: str) -> None:
        """Delete a copy; raises MemoryError (``backup_not_found``)."""
        backup = await self._get(name)
        await asyncio.to_thread(self._delete, backup.path)

    async def restore(self, name: str) -> Backup | None:
        """Put a copy in the memory's place; return the copy of what was there, if anything was.

        A damaged copy is refused, and all stays as it was (``memory_corrupt``, ``memory_too_new``).
        Whoever uses the memory meanwhile gets an error.
        """
        from ruster.memory.database.native import copy_database
        from ruster.memory.database.schema import check_file

        await asyncio.to_thread(self._sweep)
        backup = await self._get(name)
        new = self._memory.with_name(new_id(_RESTORING))
        make_private_folder(self._memory.parent)
        before = None
        try:
            await asyncio.to_thread(copy_database, backup.path, new)
            await asyncio.to_thread(check_file, new)
            if self._memory.exists() and name != BEFORE_RESTORE:
                before = await self._make(self._path(BEFORE_RESTORE))
            async with self._memories.closed(self._memory):
                await asyncio.to_thread(self._replace, new)
        finally:
            await asyncio.to_thread(new.unlink, missing_ok=True)
        return before

    async def _make(self, path: Path) -> Backup:
        from ruster.memory.database.native import copy_database

        make_private_folder(self._folder)
        temporary = path.with_name(new_id(_PART))
        try:
            async with self._memories.lend(self._memory):
                await asyncio.to_thread(copy_database, self._memory, temporary)
            await asyncio.to_thread(self._keep, temporary, path)
        finally:
            await asyncio.to_thread(temporary.unlink, missing_ok=True)
        return _backup(path)

    async def _get(self, name: str) -> Backup:
        path = self._path(name)
        for backup in await self.all():
            if backup.path == path:
                return backup
        raise MemoryError(f"there is no backup {name!r}", code="backup_not_found")

    def _path(self, name: str) -> Path:
        return self._folder / (check_name(name, "name") + _SUFFIX)

    def _sweep(self) -> None:
        """Delete what a kill has left of copies that were not finished."""
        for folder, head in ((self._folder, _PART), (self._memory.parent, _RESTORING)):
            for path in folder.glob(f"{head}-*") if folder.exists() else ():
                path.unlink(missing_ok=True)

    def _found(self) -> list[Backup]:
        paths = self._folder.glob(f"[!.]*{_SUFFIX}") if self._folder.exists() else ()
        return sorted(map(_backup, paths), key=lambda it: (-it.made, it.name))

    def _keep(self, temporary: Path, path: Path) -> None:
        try:
            with temporary.open("rb") as file:
                self._disk.sync(file.fileno())
            temporary.replace(path)
            self._disk.sync_folder(path.parent)
        except OSError as error:
            raise storage_error(error, f"write {path}") from error

    def _delete(self, path: Path) -> None:
        try:
            path.unlink()
            self._disk.sync_folder(path.parent)
        except OSError as error:
            raise storage_error(error, f"delete {path}") from error

    def _replace(self, new: Path) -> None:
        """Put a file in the place of the closed memory's; what is left of its log must go first."""
        for ending in ("-wal", "-shm"):
            self._memory.with_name(self._memory.name + ending).unlink(missing_ok=True)
        self._keep(new, self._memory)


def _backup(path: Path) -> Backup:
    about = path.stat()
    return Backup(path.stem, about.st_size, about.st_mtime, path)
