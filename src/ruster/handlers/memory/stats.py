"""How much is remembered, and how it is found: memory_stats."""

from __future__ import annotations

import asyncio

from ruster.handlers.caller import Caller
from ruster.handlers.memory.reach import Reach
from ruster.handlers.memory.wording import counts
from ruster.memory.embedding.meaning import AskMeaning, Meaning
from ruster.protocol.commands import MemoryStats
from ruster.protocol.events import MemoryStatsReport

__all__ = ["StatsHandlers"]

_PATIENCE_S = 2.0


class StatsHandlers:
    """The command that counts. ``meaning`` tells by which model things are found."""

    def __init__(self, reach: Reach, meaning: AskMeaning) -> None:
        self._reach = reach
        self._meaning = meaning

    async def stats(self, caller: Caller, command: MemoryStats) -> None:
        """Count what is remembered."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.all(scope) as held:
            told = [
                counts(
                    await it.store.stats(details=command.details),
                    it.within,
                    details=command.details,
                )
                for it in held
            ]
        found = await self._known()
        reply = MemoryStatsReport(
            session_id=scope.session_id,
            memories=told,
            embedder=found.embedder,
            hint=found.failure or found.hint,
        )
        caller.reply(reply, command)

    async def _known(self) -> Meaning:
        """Return how things are found, or nothing if a provider is slow to list its models."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._meaning()
        except TimeoutError:
            return Meaning()
