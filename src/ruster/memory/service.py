"""What turns and tools ask of the memory, across the memory of a session and that of its owner.

Facts that hold beyond a session are kept with the owner, what was said with the session. A search
covers both, and never another owner's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from ruster.core.errors import RusterError
from ruster.core.memory import Brought, Hit, Kept, Layer, Record
from ruster.core.messages import Message
from ruster.core.tool_ports import Deleted, Recollection
from ruster.core.tools import TurnScope
from ruster.core.words import tokens
from ruster.memory.keeping import TOOL_KIND, Keeper
from ruster.memory.learning.finding import find_meant, too_many
from ruster.memory.memories import Memories
from ruster.memory.prompt import render
from ruster.memory.search.query import Query
from ruster.memory.search.recipe import Recipe
from ruster.memory.settings import MemorySettings
from ruster.memory.store import MemoryStore

__all__ = ["FolderOf", "MemoryService"]

FolderOf = Callable[[str], Path]
"""Returns a session's folder by its key."""

_log = structlog.stdlib.get_logger("ruster.memory")
_VECTOR = Recipe().vector  # a score's part of meaning is the cosine, weighed by this
_CANDIDATES = 3
"""Hits looked at for each one that is brought: those that do not fit are left out."""


class MemoryService:
    """Implements ``core.memory.TurnMemory``, ``core.tool_ports.MemoryPort`` and
    ``core.ports.SessionState``.
    """

    def __init__(
        self, memories: Memories, keeper: Keeper, settings: MemorySettings, folder_of: FolderOf
    ) -> None:
        self.memories = memories
        self._folder_of = folder_of
        self._keeper = keeper
        self._settings = settings

    # For the turn

    async def bring(self, scope: TurnScope, message: str, visible: Collection[str] = ()) -> Brought:
        """Find what fits a message, but for what is ``visible`` anyway; see ``TurnMemory``."""
        own = self._settings
        if not own.enabled or not own.brought or not tokens(message):
            return Brought()
        try:
            wanted = own.brought * _CANDIDATES
            async with asyncio.timeout(own.bring_timeout_s):
                hits = await self.search(scope.owner, scope.folder, message, wanted)
        except (RusterError, TimeoutError) as error:
            why = str(error) or f"it took longer than {own.bring_timeout_s:g} s"
            _log.warning("memory_not_searched", session=scope.session_id, why=why)
            return Brought(failure=why)
        chosen = _within(self._fitting(message, hits, visible), own.brought_tokens)
        if chosen:
            self._keeper.note_use(scope, [hit.record.id for hit in chosen])
        return Brought(render(chosen), tuple(chosen))

    def keep(self, scope: TurnScope, model: str, messages: Sequence[Message]) -> None:
        """Keep what was said and done in a turn; see ``TurnMemory``."""
        if self._settings.enabled:
            self._keeper.keep(scope, model, messages)

    # For the tools

    async def remember(self, scope: TurnScope, text: str) -> None:
        """Keep a fact with the owner; raises MemoryError or StorageError."""
        await self.learn(
            scope.owner,
            Record(
                text,
                layer=Layer.INSIGHTS,
                kind="fact",
                session=scope.session_key,
                speaker="user",
                source=scope.turn,
                origins=tuple(sorted(scope.taint.origins)),
                score=0.8,
            ),
        )

    async def recall(self, scope: TurnScope, query: str, limit: int) -> Sequence[Recollection]:
        """Return what fits the query best; raises MemoryError or StorageError."""
        hits = await self.search(scope.owner, scope.folder, query, limit)
        if not hits:
            return ()
        self._keeper.note_use(scope, [hit.record.id for hit in hits])
        return [
            Recollection(line.removeprefix("- "), next(iter(hit.record.origins), None))
            for hit, line in zip(hits, render(hits).split("\n")[1:], strict=True)
        ]

    async def delete(self, scope: TurnScope, query: str) -> Deleted:
        """Delete what a wish such as "I live in Hanoi" or "my birthday" means.

        Turns that wait are kept first, so that none brings it back. Raises MemoryError
        (``memory_busy`` when it is deleted but not yet wiped off the disk) or StorageError.
        """
        await self._keeper.settled()
        deleted: list[Recollection] = []
        summaries = 0
        async with self.stores(scope.owner, scope.folder) as stores:
            meant = await find_meant(stores, query)
            if too_many(meant):
                return Deleted(refused=sum(len(records) for _, records in meant))
            for store, records in meant:
                gone = await store.forget([it.id for it in records])
                summaries += len(gone.summaries)
                deleted += [
                    Recollection(it.text, next(iter(it.origins), None))
                    for it in records
                    if it.id in gone.ids
                ]
        return Deleted(tuple(deleted), summaries=summaries)

    # For the commands

    async def learn(self, owner: int, record: Record, supersedes: Sequence[str] = ()) -> Kept:
        """Keep a fact with an owner; see ``MemoryStore.keep``."""
        async with self.memories.lend(self.memories.owner_file(owner)) as store:
            return await store.keep(record, supersedes)

    def search(self, owner: int, folder: Path | None, text: str, k: int = 10) -> Query:
        """Return a search of an owner's memory and that of one session, as ``MemoryStore.search``.

        A memory that was never written to is not made for that.
        """
        return Query(text, partial(self._search, owner, folder), k)

    @asynccontextmanager
    async def stores(self, owner: int, folder: Path | None) -> AsyncIterator[list[MemoryStore]]:
        """Lend what there is: the owner's memory first, then the session's."""
        files = [self.memories.owner_file(owner)]
        if folder is not None:
            files.append(self.memories.session_file(folder))
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(self.memories.lend(file))
                for file in files
                if file.exists()
            ]

    async def forget(self, session_key: str) -> None:
        """Drop what a session's owner was told in it, and let go of its own memory.

        The files of that go with the session's folder.
        """
        owner = int(session_key.partition("/")[0])
        await self._keeper.drop(session_key)
        await self._let_go(self.memories.session_file(self._folder_of(session_key)))
        file = self.memories.owner_file(owner)
        if not file.exists():
            return
        async with self.memories.lend(file) as store:
            ids = await store.ids_of_session(session_key)
            if ids:
                await store.forget(ids)

    async def settled(self) -> None:
        """Return when all turns that have ended are kept."""
        await self._keeper.settled()

    async def aclose(self) -> None:
        """Keep what waits, then close all memories."""
        await self._keeper.aclose()
        await self.memories.aclose()

    async def _let_go(self, file: Path) -> None:
        """Drop the vectors that are cached of a memory, then close it: it is to go."""
        try:
            if await asyncio.to_thread(file.exists):
                async with self.memories.lend(file) as store:
                    await store.forget_vectors()
        except RusterError as error:  # a damaged one goes all the same
            _log.warning("vectors_not_dropped", file=str(file), why=error.message)
        await self.memories.release(file)

    def _fitting(self, message: str, hits: Sequence[Hit], visible: Collection[str]) -> list[Hit]:
        """Return the hits that are about the message and not before the model already.

        The best hit is only the best of what there is: it counts when it shares enough of the
        message's telling words, or its meaning is near. What tools brought comes only when it is
        asked for, by ``recall``: most of it is somebody else's words.
        """
        asked = set(tokens(message))
        found: list[Hit] = []
        for hit in hits:
            if len(found) == self._settings.brought:
                break
            if hit.record.kind == TOOL_KIND or hit.record.text in visible:
                continue
            shared = len(asked & set(tokens(hit.passage))) / len(asked) if asked else 0.0
            similarity = hit.scores.vector / _VECTOR
            if max(shared, similarity) >= self._settings.least_fit:
                found.append(hit)
        return found

    async def _search(self, owner: int, folder: Path | None, query: Query) -> list[Hit]:
        async with self.stores(owner, folder) as stores:
            if not stores:
                return []
            first, sources = stores[0], [store.source for store in stores]
            return await first.searcher.run(query, sources)


def _within(hits: Sequence[Hit], tokens_left: int) -> list[Hit]:
    """Return the best hits whose passages fit, by a generous estimate of three bytes a token."""
    chosen: list[Hit] = []
    for hit in hits:
        tokens_left -= len(hit.passage.encode(errors="replace")) // 3
        if tokens_left < 0:
            break
        chosen.append(hit)
    return chosen
