"""The rounds through all memories: what is due moves, all are cleaned. Who calls has the time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Summarizer
from ruster.memory.upkeep.settings import UpkeepSettings

if TYPE_CHECKING:
    from ruster.memory.store import MemoryStore
    from ruster.memory.upkeep.upkeep import Upkeep

__all__ = ["Lend", "Rounds"]

Lend = Callable[[Path], "AbstractAsyncContextManager[MemoryStore]"]
"""Lends a memory by its file, as ``Memories.lend`` does."""

_log = structlog.stdlib.get_logger("ruster.memory")


class Rounds:
    """Goes through all memories that ``files`` names (it blocks). A broken one keeps no other from
    its turn, but the round has failed then.

    ``summarizer`` is asked for who writes the summaries; None for who needs no model.
    """

    def __init__(
        self,
        lend: Lend,
        files: Callable[[], Iterable[Path]],
        settings: UpkeepSettings,
        summarizer: Callable[[], Summarizer | None] = lambda: None,
    ) -> None:
        self._lend = lend
        self._summarizer = summarizer
        self._files = files
        self._settings = settings

    async def promote(self) -> str:
        """Move what has aged, in all memories; return in words what was done.

        Raises MemoryError if some memory could not be visited.
        """
        moved: Counter[str] = Counter()

        async def visit(upkeep: Upkeep) -> None:
            moved.update(await upkeep.promote())

        count = await self._go(visit)
        told = ", ".join(f"{number} by {rule}" for rule, number in moved.items()) or "nothing"
        return f"{count} memories: moved {told}"

    async def vacuum(self) -> str:
        """Clean all memories; return in words what was done. Raises as ``promote`` does."""
        purged = 0

        async def visit(upkeep: Upkeep) -> None:
            nonlocal purged
            purged += (await upkeep.vacuum()).purged

        count = await self._go(visit)
        return f"{count} memories: {purged} records are gone for good"

    async def _go(self, visit: Callable[[Upkeep], Awaitable[None]]) -> int:
        """Visit all memories and return how many there are."""
        files = await asyncio.to_thread(lambda: list(self._files()))
        summarizer = self._summarizer()
        failed: list[str] = []
        for file in files:
            try:
                async with self._lend(file) as store:
                    upkeep = store.upkeep(self._settings)
                    if summarizer is not None:
                        upkeep.summarizer = summarizer
                    await visit(upkeep)
            except RusterError as error:
                _log.error("memory_not_kept_up", file=str(file), why=error.message)
                failed.append(f"{file}: {error.message}")
        if failed:
            raise MemoryError(f"{len(failed)} of {len(files)} memories failed: {failed[0]}")
        return len(files)
