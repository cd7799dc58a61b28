"""What every embedder owes the memory. A new one is one entry in ``EMBEDDERS``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.memory_subjects import EMBEDDERS, EmbedderSubject
from tests.engine_support import NEEDS_ENGINE
from tests.unit.memory.support import cosine

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS, Embedder
from ruster.core.tasks import cancel_and_wait, spawn

_MARKS = {"llamacpp": NEEDS_ENGINE}
TEXTS = [
    "the red cat in the garden",
    "blue house",
    "a red cat in a garden",
    "the dog and the blue house under the moon",
]


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, [])) for name in EMBEDDERS])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbedderSubject]:
    """Each embedder in turn."""
    async with EMBEDDERS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def embedder(subject: EmbedderSubject) -> Embedder:
    """The one that works."""
    return subject.embedder


async def test_one_vector_a_text_of_our_size_and_length_one(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS)

    assert len(vectors) == len(TEXTS)
    for vector in vectors:
        assert len(vector) == DIMENSIONS
        assert math.hypot(*vector) == pytest.approx(1)


async def test_order_and_company_change_nothing(embedder: Embedder) -> None:
    together = await embedder.embed(TEXTS)
    reversed_ = await embedder.embed(TEXTS[::-1])
    for at, text in enumerate(TEXTS):
        (alone,) = await embedder.embed([text])
        assert together[at] == pytest.approx(alone, abs=1e-4)
        assert reversed_[-1 - at] == pytest.approx(alone, abs=1e-4)


async def test_texts_alike_are_near(embedder: Embedder) -> None:
    garden, house, same_garden, both = await embedder.embed(TEXTS)

    assert cosine(garden, same_garden) > cosine(garden, house)
    assert cosine(house, both) > cosine(house, garden)


async def test_a_query_finds_its_text(embedder: Embedder) -> None:
    (query,) = await embedder.embed(["red cat in the garden"], "query")
    vectors = await embedder.embed(TEXTS, "document")

    assert len(query) == DIMENSIONS
    assert cosine(query, vectors[0]) > cosine(query, vectors[1])


async def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []


async def test_odd_texts_have_vectors_too(embedder: Embedder) -> None:
    odd = ["", " \n", "\0", "\ud800", "<|endoftext|>[SEP]", "word " * 2_000_000, "🦙" * 5000]
    vectors = await embedder.embed(odd)

    assert len(vectors) == len(odd)
    assert all(math.isfinite(sum(vector)) for vector in vectors)


async def test_many_texts_and_callers_at_once_do_not_mix(embedder: Embedder) -> None:
    texts = [f"{TEXTS[at % 4]} {at}" for at in range(100)]
    calls = [embedder.embed(texts), *(embedder.embed([text]) for text in TEXTS)]
    many, *each = await asyncio.gather(*calls)

    assert len(many) == 100
    for text, vectors in zip(TEXTS, each, strict=True):
        assert vectors[0] == pytest.approx((await embedder.embed([text]))[0], abs=1e-4)


async def test_a_cancelled_call_harms_no_other(embedder: Embedder) -> None:
    task = spawn(embedder.embed([f"{TEXTS[0]} {at}" for at in range(500)]), name="cancelled")
    await asyncio.sleep(0)
    await cancel_and_wait(task)

    assert len(await embedder.embed(TEXTS)) == len(TEXTS)


async def test_the_generation_is_told(subject: EmbedderSubject) -> None:
    assert subject.embedder.id.endswith(f":{DIMENSIONS}")
    assert "/" in subject.embedder.id


async def test_a_model_that_is_not_there_is_an_error_of_the_memory(
    subject: EmbedderSubject,
) -> None:
    for _ in range(2):
        with pytest.raises(MemoryError) as raised:
            await subject.absent.embed(["never seen before"])
        assert raised.value.code in ("embedder_failed", "onnx_invalid")
