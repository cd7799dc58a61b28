"""What the memory's search is held against: plain BM25, and plain rank fusion with vectors.

Both take whole turns with their speakers, as the memory does; nothing else is known to them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import apsw
import numpy as np
import numpy.typing as npt

from bench.conversations import Turn
from ruster.core.memory import Embedder

__all__ = ["PlainSearch", "fused"]

_WORD = re.compile(r"[^\W_]+")
_CANDIDATES = 100
_FUSED = 60
"""The constant of reciprocal rank fusion, as its authors chose it."""


class PlainSearch:
    """The turns of one conversation in FTS5 as it comes, and their vectors."""

    def __init__(self, turns: Sequence[Turn], vectors: npt.NDArray[np.float32]) -> None:
        self._turns = turns
        self._vectors = vectors
        self._database = apsw.Connection(":memory:")
        self._database.execute("CREATE VIRTUAL TABLE turns USING fts5(text)")
        self._database.executemany(
            "INSERT INTO turns(rowid, text) VALUES(?, ?)",
            ((at, said(turn)) for at, turn in enumerate(turns)),
        )

    @classmethod
    async def of(cls, turns: Sequence[Turn], embedder: Embedder) -> PlainSearch:
        """Take turns in, with a vector for each."""
        vectors = await embedder.embed([said(turn) for turn in turns], "document")
        return cls(turns, np.array(vectors, np.float32))

    def words(self, question: str) -> list[str]:
        """Return turns by BM25 of all words of the question, best first."""
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(question)))
        if not words:
            return []
        ask = "SELECT rowid FROM turns WHERE turns MATCH ? ORDER BY rank LIMIT ?"
        rows = self._database.execute(ask, (words, _CANDIDATES))
        return [self._turns[int(str(at))].id for (at,) in rows]

    def vectors(self, question: Sequence[float]) -> list[str]:
        """Return turns by the cosine of their vector with the question's, best first."""
        cosines = self._vectors @ np.array(question, np.float32)
        return [self._turns[at].id for at in np.argsort(-cosines)[:_CANDIDATES]]


def said(turn: Turn) -> str:
    """Return a turn as a line of a transcript."""
    return f"{turn.speaker}: {turn.text}"


def fused(*orders: Sequence[str]) -> list[str]:
    """Return what stands in any of the orders by reciprocal rank fusion, best first."""
    scores: dict[str, float] = {}
    for order in orders:
        for rank, turn in enumerate(order, 1):
            scores[turn] = scores.get(turn, 0.0) + 1 / (_FUSED + rank)
    return sorted(scores, key=scores.__getitem__, reverse=True)
