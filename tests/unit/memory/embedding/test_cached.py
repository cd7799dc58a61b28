"""An embedder behind a cache gives each text to the model once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import TextKind
from ruster.memory.embedding.cache import EmbeddingCache
from ruster.memory.embedding.cached import CachedEmbedder
from ruster.memory.embedding.fitting import fitted
from ruster.memory.embedding.keys import text_key
from tests.fakes.vectors import vector_of


class Counting:
    """An embedder that keeps what it was asked."""

    def __init__(self, id: str = "one") -> None:
        self.id = id
        self.asked: list[tuple[list[str], TextKind]] = []
        self.broken = False

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        if self.broken:
            raise MemoryError("away", code="embedder_failed")
        self.asked.append((list(texts), kind))
        return fitted([vector_of(f"{self.id} {it}", 384) for it in texts], len(texts), self.id)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    """An empty cache."""
    return EmbeddingCache(tmp_path / "vectors.db")


async def test_only_new_texts_are_asked_and_all_come_in_order(cache: EmbeddingCache) -> None:
    embedder = Counting()
    cached = CachedEmbedder(embedder, cache)
    first = await cached.embed(["a", "b", "a"])
    again = await cached.embed(["c", "b", "a"])

    assert embedder.asked == [(["a", "b"], "document"), (["c"], "document")]
    assert first[0] == first[2]
    assert again[1] == pytest.approx(first[1], abs=1e-7)
    assert again[2] == pytest.approx((await Counting().embed(["a"]))[0], abs=1e-7)


async def test_sides_and_generations_are_kept_apart(cache: EmbeddingCache) -> None:
    one, two = Counting("one"), Counting("two")
    for embedder in (one, two):
        cached = CachedEmbedder(embedder, cache)
        await cached.embed(["a"], "query")
        await cached.embed(["a"], "document")
        await cached.embed(["a"], "query")
        assert embedder.asked == [(["a"], "query"), (["a"], "document")]
        assert cached.id == embedder.id


async def test_what_is_known_needs_no_model(cache: EmbeddingCache) -> None:
    embedder = Counting()
    cached = CachedEmbedder(embedder, cache)
    known = await cached.embed(["a"])
    embedder.broken = True

    assert await cached.embed(["a"]) == [pytest.approx(known[0], abs=1e-7)]
    with pytest.raises(MemoryError):
        await cached.embed(["a", "b"])


async def test_a_text_can_be_forgotten_whoever_embedded_it(cache: EmbeddingCache) -> None:
    earlier, embedder = Counting("earlier"), Counting()
    for each in (earlier, embedder):
        cached = CachedEmbedder(each, cache)
        await cached.embed(["a", "b"])
        await cached.embed(["a"], "query")
    await cached.forget([text_key("a")])

    for each in (earlier, embedder):
        each.asked.clear()
        again = CachedEmbedder(each, cache)
        await again.embed(["a", "b"])
        await again.embed(["a"], "query")
        assert each.asked == [(["a"], "document"), (["a"], "query")]


async def test_broken_characters_are_texts_too(cache: EmbeddingCache) -> None:
    assert len(await CachedEmbedder(Counting(), cache).embed(["\ud800", "\0", ""])) == 3


async def test_a_vector_that_comes_after_its_text_was_forgotten_is_not_kept(
    cache: EmbeddingCache,
) -> None:
    embedder = Counting()
    cached = CachedEmbedder(embedder, cache)
    with_model = asyncio.Event()
    answers = asyncio.Event()
    plain = embedder.embed

    async def slow(texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        with_model.set()
        await answers.wait()
        return await plain(texts, kind)

    embedder.embed = slow  # type: ignore[method-assign]
    asked = asyncio.ensure_future(cached.embed(["a", "b"]))
    await with_model.wait()
    await cached.forget([text_key("a")])
    answers.set()
    assert len(await asked) == 2
    embedder.asked.clear()
    await cached.embed(["a", "b"])
    assert embedder.asked == [(["a"], "document")]
    await cached.embed(["a"])
    assert len(embedder.asked) == 1  # said again later, it is kept
