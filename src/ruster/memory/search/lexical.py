"""The search by words: BM25 over the index, at a bounded cost in a memory of any size.

BM25 costs half a microsecond for each chunk that has any of the words. In a large memory the rare
words of a question choose the chunks, up to a number, and the common ones only rate them. Where
all words are common, the newest chunks that have them are rated.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ruster.memory.index.words import WORDS
from ruster.memory.search.filters import Filter

if TYPE_CHECKING:
    import apsw

    from ruster.memory.database.native import Connection

__all__ = ["Bounded", "Lexical", "register_rank"]

_SMALL = 400
"""Chunks up to which every one that has a word is rated, by our own BM25: up to 3 ms."""
_SAMPLE = 4_000
_FEW = 50
_DRIVE = 20_000
"""Chunks that the rare words may choose."""
_COUNTED = 250_000
"""Chunks that the common words may have together; SQLite walks them to know how common they are."""
_WEIGHTS = (1.0, 0.5, 0.5)
"""What a word counts in the chunk itself, near it, and in its date."""
_MAX_KNOWN = 10_000
_K1 = 1.2
_B = 0.75


class Bounded(NamedTuple):
    """An expression of FTS5 that counts for chunks after a number."""

    expression: str
    after: int


class Lexical:
    """Searches the words of one memory; it remembers how common they are."""

    def __init__(self) -> None:
        self._common: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def find(
        self, connection: Connection, terms: Sequence[str], count: int, within: Filter
    ) -> dict[int, float]:
        """Return at most ``count`` chunks with their BM25, the higher the better."""
        size = connection.execute("SELECT ifnull(max(id), 0) FROM chunks").get
        if not terms or not size:
            return {}
        if size <= _SMALL:
            return _ask(connection, Bounded(" OR ".join(terms), 0), "plain_bm25", count, within)
        bounded = self._bounded(connection, terms, size)
        return _ask(connection, bounded, "bm25", count, within) if bounded else {}

    def _bounded(self, connection: Connection, terms: Sequence[str], size: int) -> Bounded | None:
        """Return what holds for a bounded number of chunks; None when nothing has the words."""
        counts = {term: self._count(connection, term, size) for term in terms}
        present = sorted((term for term in terms if counts[term]), key=counts.__getitem__)
        if not present:
            return None
        if sum(counts.values()) <= _DRIVE:
            return Bounded(" OR ".join(present), 0)
        drive, total = present[:1], counts[present[0]]
        for term in present[1:]:
            total += counts[term]
            if total > _DRIVE:
                break
            drive.append(term)
        others, total = [], 0
        for term in present[len(drive) :]:
            total += counts[term]
            if total <= _COUNTED:
                others.append(term)
        rated = f"({' OR '.join(drive)}) AND ({' OR '.join((*drive, *others))})"
        if counts[drive[0]] <= _DRIVE:
            return Bounded(rated, 0)
        if others and _FEW <= counts[drive[0]] * counts[others[0]] / size <= _DRIVE:
            return Bounded(f"{drive[0]} AND {others[0]}", 0)
        return Bounded(rated, size - size * _DRIVE // counts[drive[0]])

    def _count(self, connection: Connection, term: str, size: int) -> int:
        """Return how many chunks have a word: exactly up to some thousands, about above."""
        with self._lock:
            known = self._common.get(term)
        if known is not None and known[1] * 0.8 <= size <= known[1] * 1.25:
            return known[0]
        count = _estimate(connection, term, size)
        with self._lock:
            if len(self._common) >= _MAX_KNOWN:
                self._common.clear()
            self._common[term] = (count, size)
        return count


def _estimate(connection: Connection, term: str, size: int) -> int:
    """Count a word's chunks up to ``_SAMPLE``; beyond, see how dense they lie at both ends."""
    ask = f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH ? ORDER BY rowid"
    count: int = connection.execute(f"SELECT count(*) FROM ({ask} LIMIT {_SAMPLE})", (term,)).get
    if count < _SAMPLE:
        return count
    first: int = connection.execute(f"{ask} LIMIT 1 OFFSET {_SAMPLE - 1}", (term,)).get
    last: int = connection.execute(f"{ask} DESC LIMIT 1 OFFSET {_SAMPLE - 1}", (term,)).get
    density = _SAMPLE / 2 * (1 / first + 1 / max(1, size + 1 - last))
    return max(_SAMPLE, min(size, round(density * size)))


def _ask(
    connection: Connection, bounded: Bounded, rank: str, count: int, within: Filter
) -> dict[int, float]:
    score = f"{rank}({WORDS}, {', '.join(map(str, _WEIGHTS))})"
    if within == Filter():
        ask = f"SELECT rowid, -{score} AS s FROM {WORDS} WHERE {WORDS} MATCH ? AND rowid > ? "
        return dict(connection.execute(f"{ask} ORDER BY s DESC LIMIT ?", (*bounded, count)))
    condition, values = within.condition()
    ask = (
        f"SELECT c.id, -{score} AS s FROM {WORDS} CROSS JOIN chunks c ON c.id = {WORDS}.rowid "
        f"CROSS JOIN items i ON i.n = c.item WHERE {WORDS} MATCH ? "
        f"AND {WORDS}.rowid > ? AND {condition} "
        "ORDER BY s DESC LIMIT ?"
    )
    return dict(connection.execute(ask, (*bounded, *values, count)))


def register_rank(connection: Connection) -> None:
    """Give a connection the function ``plain_bm25``.

    SQLite's own BM25 takes words that half of the chunks have for worth nothing, which spoils small
    memories. Here idf(t) = ln(1 + (N - n(t) + 0.5)/(n(t) + 0.5)), as in ``core.ranking``.
    """
    connection.register_fts5_function("plain_bm25", _plain_bm25)


def _plain_bm25(api: apsw.FTS5ExtensionApi, /, *weights: apsw.SQLiteValue) -> float:
    known = api.aux_data
    if known is None:
        known = api.aux_data = _statistics(api)
    average, rarity = known
    norm = _K1 * (1 - _B + _B * api.column_size(-1) / average)
    score = 0.0
    for phrase, idf in enumerate(rarity):
        often = sum(
            float(weight or 0) * len(places)
            for weight, places in zip(weights, api.phrase_locations(phrase), strict=False)
            if not isinstance(weight, str | bytes)
        )
        score += idf * often * (_K1 + 1) / (often + norm)
    return -score


def _statistics(api: apsw.FTS5ExtensionApi) -> tuple[float, list[float]]:
    """Return the average size of a row, and how telling each word is."""
    size = api.row_count
    rarity = []
    for phrase in range(api.phrase_count):
        rows: list[int] = []
        api.query_phrase(phrase, lambda row, found: found.append(row.rowid), rows)
        rarity.append(math.log(1 + (size - len(rows) + 0.5) / (len(rows) + 0.5)))
    return max(1.0, api.column_total_size(-1) / max(1, size)), rarity
