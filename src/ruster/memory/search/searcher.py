"""A search from question to hits, over one memory or several at once.

Words and vectors are searched side by side, on threads; the embedder is asked meanwhile. What fails
of vectors and rerankers leaves the search by words, and is told to the log once.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from ruster.core.clock import Clock
from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Embedder, Hit, Reranker
from ruster.core.tasks import spawn
from ruster.memory.index.formats import checked
from ruster.memory.records.rows import Value, record_of
from ruster.memory.search.choice import diverse, tokens_of
from ruster.memory.search.dates import Period, periods
from ruster.memory.search.query import Query
from ruster.memory.search.ranking import Candidate, Ranked, Situation, rank, reranked
from ruster.memory.search.recipe import Recipe
from ruster.memory.search.source import Source
from ruster.memory.search.terms import query_terms

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Searcher"]

_DIVERSE_POOL = 3
_log = logging.getLogger("ruster.memory")
_T = TypeVar("_T")
_Details = dict[tuple[int, int], tuple[Sequence[Value], str]]
"""Rows of records and passages, by source and chunk."""


class Searcher:
    """Runs queries. ``embedders`` has the present generation's first; older ones may follow."""

    def __init__(
        self,
        clock: Clock,
        zone: tzinfo | None,
        embedders: Sequence[Embedder] = (),
        reranker: Reranker | None = None,
        recipe: Recipe | None = None,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self.embedders = tuple(embedders)
        self.reranker = reranker
        self._recipe = recipe or Recipe()
        self._told: set[str] = set()

    async def run(self, query: Query, sources: Sequence[Source]) -> list[Hit]:
        """Return the hits of a query."""
        now = self._clock.now()
        named = periods(query.text, now, self._zone)
        if self.embedders:
            found = await self._by_words_and_vectors(query, sources, named)
        else:
            found = await self._by_words(query, sources, named, now)
        situation = Situation(self._recipe, now, named)
        most = max(query.k * _DIVERSE_POOL, query.reranked)
        ranked = rank(chain.from_iterable(found), situation, most)
        return await self._hits(query, sources, ranked)

    async def _by_words(
        self, query: Query, sources: Sequence[Source], named: Sequence[Period], now: float
    ) -> Sequence[list[Candidate]]:
        """Return each source's candidates where there is nothing to make vectors with."""
        terms = query_terms(query.text)

        def found(number: int, source: Source, connection: Connection) -> list[Candidate]:
            legs = source.words(connection, terms, query.candidates, query.within, named)
            return source.candidates(connection, number, legs, {}, now)

        return await _all(it.read(partial(found, n, it)) for n, it in enumerate(sources))

    async def _by_words_and_vectors(
        self, query: Query, sources: Sequence[Source], named: Sequence[Period]
    ) -> Sequence[list[Candidate]]:
        """Return each source's candidates; the embedder is asked while words are searched."""
        embedding = spawn(
            self._query_vectors(query), name="memory-query-vectors", log_failure=False
        )
        try:
            return await _all(
                self._found(n, it, query, named, embedding) for n, it in enumerate(sources)
            )
        finally:
            embedding.cancel()

    async def _query_vectors(self, query: Query) -> dict[str, Sequence[float]]:
        """Return the question's vectors by generation; none of an embedder that fails."""
        vectors: dict[str, Sequence[float]] = {}
        for embedder in self.embedders:
            try:
                (vector,) = await embedder.embed([query.text], "query")
                vectors[embedder.id] = checked(vector)
            except RusterError as error:
                self._tell(embedder.id, f"searching by words only: {error.message}")
        return vectors

    async def _found(
        self,
        number: int,
        source: Source,
        query: Query,
        named: Sequence[Period],
        embedding: asyncio.Task[dict[str, Sequence[float]]],
    ) -> list[Candidate]:
        """Return one source's candidates."""
        terms = query_terms(query.text)

        async def by_vectors() -> dict[int, float]:
            queries = await asyncio.shield(embedding)
            if not queries:
                return {}
            return await source.read(
                lambda it: source.vectors(it, queries, query.candidates, query.within, named)
            )

        legs, vectors = await asyncio.gather(
            source.read(lambda it: source.words(it, terms, query.candidates, query.within, named)),
            by_vectors(),
        )
        legs.vectors = vectors
        queries, now = await embedding, self._clock.now()
        return await source.read(lambda it: source.candidates(it, number, legs, queries, now))

    async def _hits(
        self, query: Query, sources: Sequence[Source], ranked: Sequence[Ranked]
    ) -> list[Hit]:
        """Choose among the ranked items and bring their records."""
        details = await self._details(sources, ranked)
        pool = [it for it in ranked if _key(it) in details]  # others went meanwhile
        if query.reranked:
            pool = await self._reranked(query, pool, details)
        if query.is_diverse:
            texts = [details[_key(it)][1] for it in pool]
            totals = [it.scores.total for it in pool]
            order = diverse(texts, totals, query.k, self._recipe.same_words)
            pool = [pool[at] for at in order]
        hits = [_hit(it, details) for it in pool[: query.k]]
        return hits if query.tokens is None else _fitting(hits, query.tokens)

    async def _details(self, sources: Sequence[Source], pool: Sequence[Ranked]) -> _Details:
        chunks: dict[int, list[int]] = {}
        for it in pool:
            chunks.setdefault(it.best.source, []).append(it.best.chunk)
        found = await _all(
            sources[number].read(partial(sources[number].details, chunks=wanted))
            for number, wanted in chunks.items()
        )
        return {
            (number, chunk): detail
            for number, part in zip(chunks, found, strict=True)
            for chunk, detail in part.items()
        }

    async def _reranked(self, query: Query, pool: list[Ranked], details: _Details) -> list[Ranked]:
        """Let the reranker order the best; as they were, when there is none or it fails."""
        if self.reranker is None:
            return pool[: query.reranked]
        best = pool[: query.reranked]
        try:
            texts = [details[_key(it)][1] for it in best]
            ratings = await self.reranker.rerank(query.text, texts) if texts else []
            if len(ratings) != len(best) or not all(map(math.isfinite, ratings)):
                raise MemoryError("the reranker gave no usable ratings", code="reranker_failed")
        except RusterError as error:
            self._tell("reranker", f"not reranking: {error.message}")
            return best
        return reranked(best, ratings, self._recipe.rerank) if best else best

    def _tell(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            _log.warning("%s", message)


async def _all(steps: Iterable[Coroutine[Any, Any, _T]]) -> Sequence[_T]:
    """Take steps side by side; a single one needs no task of its own."""
    given = [*steps]
    return [await given[0]] if len(given) == 1 else await asyncio.gather(*given)


def _key(it: Ranked) -> tuple[int, int]:
    return it.best.source, it.best.chunk


def _hit(it: Ranked, details: _Details) -> Hit:
    row, passage = details[_key(it)]
    return Hit(record_of(row), passage, it.scores)


def _fitting(hits: Sequence[Hit], tokens: int) -> list[Hit]:
    """Return the first hits whose passages fit together."""
    fitting: list[Hit] = []
    for hit in hits:
        tokens -= tokens_of(hit.passage)
        if tokens < 0:
            break
        fitting.append(hit)
    return fitting
