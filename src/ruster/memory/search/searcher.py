"""A search from question to hits, over one memory or several at once.

Words and vectors are searched side by side, on threads; the embedder is asked meanwhile. What fails
of vectors and rerankers leaves the search by words, and is told to the log once.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from datetime import tzinfo
from functools import partial

from ruster.core.clock import Clock
from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Embedder, Hit, Record, Reranker
from ruster.core.tasks import spawn
from ruster.memory.index.formats import checked
from ruster.memory.search.choice import diverse, tokens_of
from ruster.memory.search.dates import Period, periods
from ruster.memory.search.query import Query
from ruster.memory.search.ranking import Candidate, Ranked, Situation, rank, reranked
from ruster.memory.search.recipe import Recipe
from ruster.memory.search.source import Source
from ruster.memory.search.terms import query_terms

__all__ = ["Searcher"]

_DIVERSE_POOL = 3
_log = logging.getLogger("ruster.memory")
_Details = dict[tuple[int, int], tuple[Record, str]]


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

    async def run(self, query: Query, sources: Sequence[Source], *, given: str) -> list[Hit]:
        """Return the hits of a query; ``given`` names the generation of a vector it brings."""
        now = self._clock.now()
        named = periods(query.text, now, self._zone)
        embedding = spawn(
            self._query_vectors(query, given), name="memory-query-vectors", log_failure=False
        )
        try:
            found = await asyncio.gather(
                *(self._found(n, it, query, named, embedding) for n, it in enumerate(sources))
            )
        finally:
            embedding.cancel()
        situation = Situation(self._recipe, now, named)
        most = max(query.k * _DIVERSE_POOL, query.reranked)
        ranked = rank((it for part in found for it in part), situation, most)
        return await self._hits(query, sources, ranked)

    async def _query_vectors(self, query: Query, given: str) -> dict[str, Sequence[float]]:
        """Return the question's vectors by generation; none of an embedder that fails."""
        vectors: dict[str, Sequence[float]] = {}
        for embedder in self.embedders:
            try:
                (vector,) = await embedder.embed([query.text], "query")
                vectors[embedder.id] = checked(vector)
            except RusterError as error:
                self._tell(embedder.id, f"searching by words only: {error.message}")
        if query.vector is not None:
            vectors[given] = checked(query.vector)
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
        hits = [Hit(*details[_key(it)], it.scores) for it in pool[: query.k]]
        return hits if query.tokens is None else _fitting(hits, query.tokens)

    async def _details(self, sources: Sequence[Source], pool: Sequence[Ranked]) -> _Details:
        details: _Details = {}
        for number, source in enumerate(sources):
            chunks = [it.best.chunk for it in pool if it.best.source == number]
            if chunks:
                found = await source.read(partial(source.details, chunks=chunks))
                details |= {(number, chunk): it for chunk, it in found.items()}
        return details

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


def _key(it: Ranked) -> tuple[int, int]:
    return it.best.source, it.best.chunk


def _fitting(hits: Sequence[Hit], tokens: int) -> list[Hit]:
    """Return the first hits whose passages fit together."""
    fitting: list[Hit] = []
    for hit in hits:
        tokens -= tokens_of(hit.passage)
        if tokens < 0:
            break
        fitting.append(hit)
    return fitting
