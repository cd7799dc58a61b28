"""Ratings of model providers, and failures as errors of the memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from ruster.core.errors import MemoryError, ProviderError, ProviderUnreachable
from ruster.memory.reranking.provider import ProviderReranker


class Models:
    """Rates by a list of scores, or fails."""

    def __init__(self, scores: Sequence[float] = (), failure: ProviderError | None = None) -> None:
        self.asked: list[tuple[str, str, list[str]]] = []
        self._scores = scores
        self._failure = failure

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> list[float]:
        self.asked.append((model, query, list(documents)))
        if self._failure is not None:
            raise self._failure
        return list(self._scores)


async def test_scores_come_as_they_are() -> None:
    models = Models([-3.5, 8.0])
    reranker = ProviderReranker(models, "llamacpp/bge-reranker", model="bge")

    assert await reranker.rerank("q\0", ["a", "\ud800"]) == [-3.5, 8.0]
    assert models.asked == [("bge", "q ", ["a", "?"])]
    assert await reranker.rerank("q", []) == []
    assert len(models.asked) == 1


@pytest.mark.parametrize("scores", [[1.0], [1.0, math.nan], [1.0, math.inf]])
async def test_scores_that_cannot_be_used_are_refused(scores: list[float]) -> None:
    with pytest.raises(MemoryError) as raised:
        await ProviderReranker(Models(scores), "x/y").rerank("q", ["a", "b"])
    assert raised.value.code == "reranker_failed"


@pytest.mark.parametrize(
    ("failure", "retryable"),
    [
        (ProviderUnreachable("away"), True),
        (ProviderError("no", code="not_a_reranker"), False),
    ],
)
async def test_failures_are_errors_of_the_memory(failure: ProviderError, retryable: bool) -> None:
    with pytest.raises(MemoryError, match=failure.message) as raised:
        await ProviderReranker(Models(failure=failure), "x/y").rerank("q", ["a"])
    assert raised.value.code == "reranker_failed"
    assert raised.value.retryable is retryable
