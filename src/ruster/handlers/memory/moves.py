"""Moves between layers, and the log of them: memory_promote, memory_log, memory_undo."""

from __future__ import annotations

from ruster.core.memory import Layer
from ruster.handlers.caller import Caller
from ruster.handlers.memory.reach import Reach
from ruster.handlers.memory.wording import log_entries, summary
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.protocol.commands import MemoryLog, MemoryPromote, MemoryUndo
from ruster.protocol.events import MemoryLogPage, MemoryReport, MemoryUndone

__all__ = ["MoveHandlers"]


class MoveHandlers:
    """The commands about what rules and people did. A log is the session's if one is named, else
    the owner's.
    """

    def __init__(self, reach: Reach, settings: UpkeepSettings) -> None:
        self._reach = reach
        self._settings = settings

    async def promote(self, caller: Caller, command: MemoryPromote) -> None:
        """Bring a memory to another layer."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.holder(scope, command.memory_id) as (held, _):
            record = await held.store.move(command.memory_id, Layer(command.layer))
        memory = summary(record, held.within, None)
        caller.reply(MemoryReport(session_id=scope.session_id, memory=memory), command)

    async def log(self, caller: Caller, command: MemoryLog) -> None:
        """Tell what was done to memories."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            found = await store.log(
                command.memory_id, before=command.before, limit=command.limit + 1
            )
        reply = MemoryLogPage(
            session_id=scope.session_id,
            entries=log_entries(found[: command.limit]),
            more=len(found) > command.limit,
        )
        caller.reply(reply, command)

    async def undo(self, caller: Caller, command: MemoryUndo) -> None:
        """Undo a step."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            undone = await store.upkeep(self._settings).undo(command.number)
        reply = MemoryUndone(session_id=scope.session_id, entries=log_entries(undone))
        caller.reply(reply, command)
