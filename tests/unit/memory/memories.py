"""Memories for tests: an embedder that knows words, and a store on a clock of its own."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from operator import add
from pathlib import Path

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS, Hit, Reranker, TextKind
from ruster.memory.store import FILE_NAME, MemoryStore
from ruster.testing import ManualClock

__all__ = ["NOON", "BagOfWords", "WordCount", "memory", "texts"]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
"""A Tuesday."""


class BagOfWords:
    """Adds up one random direction for each word; ``alike`` gives words the direction of others.

    ``failure`` is raised in place of an answer, ``spoilt`` texts get a vector that is none.
    """

    def __init__(self, id: str = "bag/words", **alike: str) -> None:
        self.id = id
        self.alike = alike
        self.failure: MemoryError | None = None
        self.spoilt = ""
        self.asked: list[str] = []
        self._directions: dict[str, list[float]] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        self.asked.extend(texts)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        if self.spoilt and self.spoilt in text:
            return [math.nan] * DIMENSIONS
        total = [0.0] * DIMENSIONS
        for word in text[:2000].casefold().split():
            plain = word.strip(".,:?![]'\"")
            total = list(map(add, total, self._direction(self.alike.get(plain, plain))))
        return total

    def _direction(self, word: str) -> list[float]:
        if word not in self._directions:
            chance = random.Random(self.id + word)
            self._directions[word] = [chance.gauss(0, 1) for _ in range(DIMENSIONS)]
        return self._directions[word]


class WordCount:
    """Rates a document by how often a word stands in it."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.asked: list[str] = []
        self.failure: MemoryError | None = None

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        self.asked.extend(documents)
        if self.failure is not None:
            raise self.failure
        return [float(text.count(self.word)) for text in documents]


@asynccontextmanager
async def memory(
    folder: Path,
    *embedders: BagOfWords,
    clock: ManualClock | None = None,
    reranker: Reranker | None = None,
) -> AsyncIterator[MemoryStore]:
    """Open a memory below ``folder``; at its end the file must be whole."""
    store = await MemoryStore.open(
        folder / "memory" / FILE_NAME, clock or ManualClock(NOON), UTC, embedders, reranker
    )
    try:
        yield store
        assert await store.check() == []
    finally:
        await store.aclose()


def texts(hits: Sequence[Hit]) -> list[str]:
    """Return what was found."""
    return [hit.record.text for hit in hits]
