"""Whole memories as files: memory_backup, memory_backups, memory_backup_remove, memory_restore,
memory_reindex.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ruster.core.clock import Clock, rfc3339
from ruster.handlers.caller import Caller
from ruster.handlers.memory.beside import beside
from ruster.handlers.memory.reach import Reach, Scope
from ruster.memory.backups import Backup, Backups
from ruster.protocol.commands import (
    MemoryBackup,
    MemoryBackupRemove,
    MemoryBackups,
    MemoryReindex,
    MemoryRestore,
)
from ruster.protocol.events import (
    BackupSummary,
    MemoryBackedUp,
    MemoryBackupListing,
    MemoryBackupRemoved,
    MemoryReindexed,
    MemoryRestored,
)

__all__ = ["FileHandlers"]

_FOLDER = "backups"


class FileHandlers:
    """The commands about copies and indexes. ``folder`` has the copies of owners' memories.

    Copies of a session's memory lie beside it, and go with the session.
    """

    def __init__(self, reach: Reach, folder: Path, clock: Clock) -> None:
        self._reach = reach
        self._folder = folder
        self._clock = clock
        self._copying = asyncio.Lock()

    async def back_up(self, caller: Caller, command: MemoryBackup) -> asyncio.Future[None]:
        """Copy a memory."""
        scope = await self._reach.scope(caller, command)
        return beside(caller, self._back_up(caller, command, scope), "back a memory up")

    async def list(self, caller: Caller, command: MemoryBackups) -> None:
        """Name the copies."""
        scope = await self._reach.scope(caller, command)
        found = [_summary(it) for it in await self._backups(scope).all()]
        caller.reply(MemoryBackupListing(session_id=scope.session_id, backups=found), command)

    async def remove(self, caller: Caller, command: MemoryBackupRemove) -> None:
        """Delete a copy."""
        scope = await self._reach.scope(caller, command)
        await self._backups(scope).remove(command.name)
        caller.reply(MemoryBackupRemoved(session_id=scope.session_id, name=command.name), command)

    async def restore(self, caller: Caller, command: MemoryRestore) -> asyncio.Future[None]:
        """Put a copy in the memory's place."""
        scope = await self._reach.scope(caller, command)
        return beside(caller, self._restore(caller, command, scope), "restore a memory")

    async def reindex(self, caller: Caller, command: MemoryReindex) -> asyncio.Future[None]:
        """Make the indexes anew."""
        scope = await self._reach.scope(caller, command)
        return beside(caller, self._reindex(caller, command, scope), "reindex a memory")

    async def _back_up(self, caller: Caller, command: MemoryBackup, scope: Scope) -> None:
        async with self._copying:
            made = await self._backups(scope).make(command.name)
        reply = MemoryBackedUp(
            session_id=scope.session_id,
            backup=_summary(made),
            path=str(made.path) if caller.privileged else None,
        )
        caller.reply(reply, command)

    async def _restore(self, caller: Caller, command: MemoryRestore, scope: Scope) -> None:
        async with self._copying:
            before = await self._backups(scope).restore(command.name)
        reply = MemoryRestored(
            session_id=scope.session_id,
            name=command.name,
            before=None if before is None else before.name,
        )
        caller.reply(reply, command)

    async def _reindex(self, caller: Caller, command: MemoryReindex, scope: Scope) -> None:
        async with self._reach.one(scope) as store:
            wrong = await store.check()
            await store.repair()
        caller.reply(MemoryReindexed(session_id=scope.session_id, repaired=wrong), command)

    def _backups(self, scope: Scope) -> Backups:
        memory = self._reach.file(scope)
        folder = self._folder / str(scope.owner)
        if scope.folder is not None:
            folder = memory.parent / _FOLDER
        return Backups(self._reach.memory.memories, memory, folder, self._clock)


def _summary(backup: Backup) -> BackupSummary:
    return BackupSummary(name=backup.name, size_bytes=backup.size_bytes, time=rfc3339(backup.made))
