"""One memory as a search sees it: the blocking steps, each on a thread that reads."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import TYPE_CHECKING, TypeVar

from ruster.core.errors import MemoryError
from ruster.memory.database.database import Database
from ruster.memory.index.nearest import Nearest, similarities
from ruster.memory.index.vectors import LAYERS, generations
from ruster.memory.records.rows import COLUMNS, Value
from ruster.memory.search.dates import Period
from ruster.memory.search.filters import Filter
from ruster.memory.search.lexical import Lexical
from ruster.memory.search.ranking import Candidate

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Legs", "Source"]

_DATED = 50
"""Chunks taken from a period that a question names, whatever they say."""
_MORE_COSINES = 128
_RATED = 4
"""Times as many chunks as are taken for their words are rated: vectors may find these, too."""
_REPAIRS = 3
"""Repairs that searches ask for by themselves while a memory is open."""
_T = TypeVar("_T")
_log = logging.getLogger("ruster.memory")


@dataclass(slots=True)
class Legs:
    """What the searches by words, by vectors and by date found: chunks with BM25 and cosines.

    ``more`` are those that follow ``words``, and ``rated`` has the BM25 of all these and of others.
    """

    words: list[int] = field(default_factory=list)
    more: list[int] = field(default_factory=list)
    rated: dict[int, float] = field(default_factory=dict)
    vectors: dict[int, float] = field(default_factory=dict)
    dated: list[int] = field(default_factory=list)


class Source:
    """A memory that can be searched."""

    def __init__(
        self, database: Database, nearest: Nearest, repair: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._nearest = nearest
        self._repair = repair
        self._lexical = Lexical()
        self._repairs_left = _REPAIRS

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run a step; when an index is damaged, once more after its repair. Raises MemoryError."""
        try:
            return await self._database.read(work)
        except MemoryError as error:
            if error.code != "memory_busy":
                await self._mend(error)
            return await self._database.read(work)

    async def _mend(self, error: MemoryError) -> None:
        """Repair what may have caused an error, but not for ever."""
        if error.code not in ("memory_corrupt", "memory_failed") or not self._repairs_left:
            raise error
        self._repairs_left -= 1
        _log.warning("a search failed, repairing the indexes: %s", error.message)
        await self._repair()

    def words(
        self,
        connection: Connection,
        terms: Sequence[str],
        count: int,
        within: Filter,
        periods: Sequence[Period],
    ) -> Legs:
        """Search by words, and once more in each period."""
        rated = self._lexical.find(connection, terms, _RATED * count, within)
        best = list(rated)
        legs = Legs(best[:count], best[count : 2 * count], rated)
        wanted = count // 2 + 1
        for period in periods:
            narrowed = _narrowed(within, period)
            # The best of all time may be all there are, or have the best of the period among them.
            inside = _inside(connection, best, narrowed)[:wanted]
            if len(best) >= _RATED * count and len(inside) < wanted:
                again = self._lexical.find(connection, terms, wanted, narrowed)
                legs.rated |= again
                inside = list(again)
            legs.words += inside
            legs.dated.extend(_newest(connection, narrowed))
        return legs

    def vectors(
        self,
        connection: Connection,
        queries: Mapping[str, Sequence[float]],
        count: int,
        within: Filter,
        periods: Sequence[Period],
    ) -> dict[int, float]:
        """Search by vectors, in each generation whose embedder is there, by its name."""
        found: dict[int, float] = {}
        for narrowed in (within, *(_narrowed(within, period) for period in periods)):
            allowed = narrowed.allowed(connection)
            for it in generations(connection):
                if it.name in queries and it.size:
                    query = queries[it.name]
                    found |= self._nearest.find(connection, it, query, count, allowed)
        return found

    def candidates(
        self,
        connection: Connection,
        number: int,
        legs: Legs,
        queries: Mapping[str, Sequence[float]],
        now: float,
    ) -> list[Candidate]:
        """Return what was found with what the ranking needs; what is not true now is left out."""
        others = legs.vectors or legs.more
        chunks = list(dict.fromkeys((*legs.words, *others, *legs.dated)))
        missing = [it for it in chunks if it not in legs.vectors][:_MORE_COSINES]
        cosines = dict(legs.vectors)
        for it in generations(connection) if missing and queries else ():
            if it.name in queries:
                cosines |= similarities(connection, it, queries[it.name], missing)
        ask = (
            "SELECT c.id, i.n, i.layer, i.ts, i.session, i.pinned, i.parts FROM chunks c "
            "JOIN items i ON i.n = c.item WHERE c.id IN (SELECT value FROM json_each(?1)) "
            "AND i.hidden IS NULL "
            "AND (i.valid_to IS NULL OR i.valid_to > ?2) AND (i.expires IS NULL OR i.expires > ?2)"
        )
        rows = connection.execute(ask, (str(chunks), now))
        return [
            Candidate(
                number,
                chunk,
                item,
                legs.rated.get(chunk, 0.0),
                cosines.get(chunk, 0.0),
                LAYERS[layer],
                ts,
                session,
                bool(pinned),
                parts,
            )
            for chunk, item, layer, ts, session, pinned, parts in rows
        ]

    def details(
        self, connection: Connection, chunks: Iterable[int]
    ) -> dict[int, tuple[Sequence[Value], str]]:
        """Return the rows (for ``record_of``) and the passages of chunks."""
        ask = (
            f"SELECT c.id, substr(i.text, c.start + 1, c.stop - c.start), {_OF_ITEM} "
            "FROM chunks c JOIN items i ON i.n = c.item "
            "WHERE c.id IN (SELECT value FROM json_each(?))"
        )
        rows = connection.execute(ask, (str(list(chunks)),))
        return {chunk: (row, passage) for chunk, passage, *row in rows}


_OF_ITEM = ", ".join(f"i.{column.strip()}" for column in COLUMNS.split(","))


def _inside(connection: Connection, chunks: Sequence[int], within: Filter) -> list[int]:
    """Return the chunks that a filter lets pass, in their order."""
    condition, values = within.condition()
    ask = (
        "SELECT c.id FROM json_each(?) j CROSS JOIN chunks c ON c.id = j.value "
        f"CROSS JOIN items i ON i.n = c.item WHERE {condition} ORDER BY j.key"
    )
    return [chunk for (chunk,) in connection.execute(ask, (str(list(chunks)), *values))]


def _newest(connection: Connection, within: Filter) -> list[int]:
    """Return the newest chunks that a filter lets pass, each layer by its index of times."""
    found: list[tuple[float, int]] = []
    for layer in within.layers or LAYERS:
        condition, values = replace(within, layers=(layer,)).condition()
        ask = "SELECT i.ts, c.id FROM items i JOIN chunks c ON c.item = i.n "
        ask += f"WHERE {condition} ORDER BY i.ts DESC LIMIT {_DATED}"
        found.extend(connection.execute(ask, values))
    return [chunk for _, chunk in nlargest(_DATED, found)]


def _narrowed(within: Filter, period: Period) -> Filter:
    after = period.start if within.after is None else max(within.after, period.start)
    before = period.end if within.before is None else min(within.before, period.end)
    return replace(within, after=after, before=before)
