"""Many memories searched as one: all that an owner has, opened a few at a time.

Scores of different memories only compare when they are ranked together, so each is a source of one
search, and is lent again for every step of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Hit
from ruster.memory.memories import Memories
from ruster.memory.search.query import Query
from ruster.memory.search.source import Source
from ruster.memory.store import MemoryStore

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Everywhere"]

_AT_ONCE = 4
_T = TypeVar("_T")
_log = structlog.stdlib.get_logger("ruster.memory")


class Everywhere:
    """A search of the memories in ``files``; those that cannot be read are left out of it."""

    def __init__(self, memories: Memories, files: Sequence[Path]) -> None:
        self._memories = memories
        gate = asyncio.Semaphore(_AT_ONCE)
        self._sources = [_Lent(memories, file, gate) for file in files]

    @property
    def searched(self) -> list[Path]:
        """The files that were, or are to be searched."""
        return [it.file for it in self._sources]

    def query(self, text: str, k: int) -> Query:
        """Return a search of all, to be refined and awaited."""
        return Query(text, self._run, k)

    def file_of(self, hit: Hit) -> Path:
        """Return which memory something was found in."""
        return next(it.file for it in self._sources if hit.record.id in it.ids)

    async def used(self, hits: Iterable[Hit]) -> None:
        """Note that records were shown."""
        ids: dict[Path, list[str]] = {}
        for hit in hits:
            ids.setdefault(self.file_of(hit), []).append(hit.record.id)
        for file, found in ids.items():
            async with self._memories.lend(file) as store:
                await store.used(found)

    async def _run(self, query: Query) -> list[Hit]:
        while self._sources:
            try:
                async with AsyncExitStack() as stack:
                    first = await self._sources[0].opened(stack)
                    return await first.searcher.run(query, self._sources)
            except RusterError:
                left = [it for it in self._sources if it.failure is None]
                if len(left) == len(self._sources):
                    raise
                self._sources = left
        return []


class _Lent(Source):
    """A memory that is open only while a step of a search reads it.

    ``ids`` are those of the records that were brought; ``failure`` says why it cannot be read.
    """

    def __init__(self, memories: Memories, file: Path, gate: asyncio.Semaphore) -> None:
        self.file = file
        self.ids: set[str] = set()
        self.failure: RusterError | None = None
        self._memories = memories
        self._gate = gate
        self._held: Source

    async def opened(self, stack: AsyncExitStack) -> MemoryStore:
        """Lend the memory, but do not make it anew if it went meanwhile; raises MemoryError."""
        try:
            if not await asyncio.to_thread(self.file.exists):
                raise MemoryError("it is gone", code="memory_closed")
            return await stack.enter_async_context(self._memories.lend(self.file))
        except RusterError as error:
            self._fail(error)
            raise

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        async with self._gate, AsyncExitStack() as stack:
            store = await self.opened(stack)
            self._held = store.source
            try:
                return await store.source.read(work)
            except RusterError as error:
                self._fail(error)
                raise

    def _fail(self, error: RusterError) -> None:
        self.failure = error
        _log.warning("memory_not_searched", file=str(self.file), why=error.message)

    def words(self, *args: Any, **more: Any) -> Any:
        return self._held.words(*args, **more)

    def vectors(self, *args: Any, **more: Any) -> Any:
        return self._held.vectors(*args, **more)

    def candidates(self, *args: Any, **more: Any) -> Any:
        return self._held.candidates(*args, **more)

    def details(self, connection: Connection, chunks: Iterable[int]) -> Any:
        wanted = list(chunks)
        ask = "SELECT i.id FROM chunks c JOIN items i ON i.n = c.item "
        ask += "WHERE c.id IN (SELECT value FROM json_each(?))"
        self.ids.update(str(id) for (id,) in connection.execute(ask, (str(wanted),)))
        return self._held.details(connection, wanted)
