"""What one session can remember: its own memory, and its owner's, which all his sessions share.

Turns and what else goes with the session are in its own file, and go with it. What holds beyond it
is in the owner's. A search covers both.
"""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.memory import Hit, Kept, Layer, Record
from ruster.memory.search.query import Query
from ruster.memory.store import MemoryStore

__all__ = ["MemorySpace"]


class MemorySpace:
    """Two memories as one; closing them is their opener's matter."""

    def __init__(self, session: MemoryStore, owner: MemoryStore) -> None:
        self.session = session
        self.owner = owner

    async def insert(self, record: Record) -> Record:
        """Add a record: turns to the session's memory, everything else to the owner's."""
        store = self.session if record.layer is Layer.INTERACT else self.owner
        return await store.insert(record)

    async def keep(self, record: Record, supersedes: Sequence[str] = ()) -> Kept:
        """Keep a fact in the owner's memory, as ``MemoryStore.keep`` does."""
        return await self.owner.keep(record, supersedes)

    def search(self, text: str, k: int = 10) -> Query:
        """Return a search of both memories, as ``MemoryStore.search`` does."""
        return Query(text, self._run, k)

    async def used(self, hits: Sequence[Hit]) -> None:
        """Note that hits were shown to a model or a person."""
        ids = [hit.record.id for hit in hits]
        for store in (self.session, self.owner):
            await store.used(ids)

    async def _run(self, query: Query) -> list[Hit]:
        sources = [self.session.source, self.owner.source]
        return await self.owner.searcher.run(query, sources, given=self.owner.generation)
