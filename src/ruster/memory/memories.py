"""All memories of a daemon: one a session, one an owner; opened when needed, a few at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.memory import Embedder, Reranker
from ruster.memory.embedding.keys import DropVectors
from ruster.memory.places import owner_file, session_file
from ruster.memory.store import MemoryStore

__all__ = ["Memories"]

_log = structlog.stdlib.get_logger("ruster.memory")


class _Open:
    """A memory that is open, or being opened; ``users`` hold it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.store: MemoryStore | None = None
        self.users = 0


class Memories:
    """Lends memories by their file. ``root`` has those of owners; ``first_use`` is told once, and
    ``drop_vectors`` of what is deleted for good.

    Of those that nobody holds, the least used are closed beyond ``max_open``.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        max_open: int,
        first_use: Callable[[], None] | None = None,
        drop_vectors: DropVectors | None = None,
    ) -> None:
        self._root = root
        self._drop_vectors = drop_vectors
        self._first_use = first_use
        self._clock = clock
        self._max_open = max_open
        self._open: OrderedDict[Path, _Open] = OrderedDict()
        self._embedders: Sequence[Embedder] = ()
        self._reranker: Reranker | None = None

    def use(self, embedders: Sequence[Embedder], reranker: Reranker | None) -> None:
        """Have all memories work with these models from now on."""
        self._embedders, self._reranker = tuple(embedders), reranker
        for entry in self._open.values():
            if entry.store is not None:
                entry.store.use(self._embedders, reranker)

    def owner_file(self, owner: int) -> Path:
        """Return where an owner's memory lies, whether it is there or not."""
        return owner_file(self._root, owner)

    def session_file(self, folder: Path) -> Path:
        """Return where a session's memory lies, whether it is there or not."""
        return session_file(folder)

    @asynccontextmanager
    async def lend(self, file: Path) -> AsyncIterator[MemoryStore]:
        """Lend a memory, made if it is not there; raises MemoryError or StorageError."""
        if self._first_use is not None:
            first_use, self._first_use = self._first_use, None
            first_use()
        entry = self._open.get(file)
        if entry is None:
            entry = self._open[file] = _Open()
        self._open.move_to_end(file)
        entry.users += 1
        try:
            async with entry.lock:
                if entry.store is None:
                    entry.store = await MemoryStore.open(
                        file, self._clock, None, self._embedders, self._reranker
                    )
                    entry.store.drop_vectors = self._drop_vectors
            yield entry.store
        finally:
            entry.users -= 1
            await self._close_unused()

    @asynccontextmanager
    async def closed(self, file: Path) -> AsyncIterator[None]:
        """Keep a memory closed, because its file is replaced; who wants it waits.

        Those who hold it get MemoryError (``memory_closed``) from then on.
        """
        entry = self._open.setdefault(file, _Open())
        entry.users += 1
        try:
            async with entry.lock:
                store, entry.store = entry.store, None
                if store is not None:
                    await store.aclose()
                yield
        finally:
            entry.users -= 1
            await self._close_unused()

    async def release(self, file: Path) -> None:
        """Close a memory, because its files are to go."""
        entry = self._open.pop(file, None)
        if entry is not None:
            await _close(file, entry)

    async def aclose(self) -> None:
        """Close all; nobody may hold any."""
        while self._open:
            file, entry = self._open.popitem()
            await _close(file, entry)

    async def _close_unused(self) -> None:
        while len(self._open) > self._max_open:
            # Looked for anew each time: others lend and close while one is closed.
            unused = (file for file, entry in self._open.items() if not entry.users)
            file = next(unused, None)
            if file is None:
                return
            await _close(file, self._open.pop(file))


async def _close(file: Path, entry: _Open) -> None:
    async with entry.lock:
        store, entry.store = entry.store, None
        if store is not None:
            try:
                await store.aclose()
            except RusterError as error:
                _log.error("memory_not_closed", file=str(file), why=error.message)
