"""What every reranker owes the memory. A new one is one entry in ``RERANKERS``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.memory_subjects import RERANKERS, RerankerSubject
from tests.engine_support import NEEDS_ENGINE

from ruster.core.errors import MemoryError
from ruster.core.memory import Reranker
from ruster.core.tasks import cancel_and_wait, spawn

_MARKS = {"llamacpp": NEEDS_ENGINE}
QUERY = "the red cat"
DOCUMENTS = ["blue house", "the red cat in the garden", "", "\0\ud800", "cat " * 100_000]


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, [])) for name in RERANKERS])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RerankerSubject]:
    """Each reranker in turn."""
    async with RERANKERS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def reranker(subject: RerankerSubject) -> Reranker:
    """The one that works."""
    return subject.reranker


async def test_one_number_a_document(reranker: Reranker) -> None:
    scores = await reranker.rerank(QUERY, DOCUMENTS)

    assert len(scores) == len(DOCUMENTS)
    assert all(map(math.isfinite, scores))
    assert scores[0] != scores[1]


async def test_order_and_company_change_nothing(reranker: Reranker) -> None:
    scores = await reranker.rerank(QUERY, DOCUMENTS)
    reversed_ = await reranker.rerank(QUERY, DOCUMENTS[::-1])

    assert reversed_[::-1] == pytest.approx(scores, abs=1e-3)
    for at, document in enumerate(DOCUMENTS):
        assert await reranker.rerank(QUERY, [document]) == pytest.approx([scores[at]], abs=1e-3)


async def test_no_documents_are_no_scores(reranker: Reranker) -> None:
    assert await reranker.rerank(QUERY, []) == []


async def test_an_odd_query_is_one_too(reranker: Reranker) -> None:
    for query in ("", "\0", "\ud800", "red " * 100_000):
        assert len(await reranker.rerank(query, DOCUMENTS[:2])) == 2


async def test_a_cancelled_call_harms_no_other(reranker: Reranker) -> None:
    task = spawn(reranker.rerank(QUERY, DOCUMENTS * 50), name="cancelled")
    await asyncio.sleep(0)
    await cancel_and_wait(task)

    assert len(await reranker.rerank(QUERY, DOCUMENTS)) == len(DOCUMENTS)


async def test_a_model_that_is_not_there_is_an_error_of_the_memory(
    subject: RerankerSubject,
) -> None:
    for _ in range(2):
        with pytest.raises(MemoryError) as raised:
            await subject.absent.rerank(QUERY, DOCUMENTS)
        assert raised.value.code in ("reranker_failed", "onnx_invalid")
