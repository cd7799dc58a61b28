"""The search by words in a large memory, with small bounds that stand in for large numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.memory import Layer, Record
from ruster.memory.index.words import WORDS
from ruster.memory.search import lexical
from ruster.memory.search.filters import Filter
from ruster.memory.search.lexical import Lexical
from ruster.memory.search.terms import query_terms
from ruster.memory.store import MemoryStore
from tests.unit.memory.memories import memory, texts

_SIZE = 1000


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_SMALL", 10), ("_SAMPLE", 20), ("_DRIVE", 100), ("_COUNTED", 400)):
        monkeypatch.setattr(lexical, name, value)


async def _fill(store: MemoryStore) -> None:
    """Insert chunks with words that all, half, a tenth and one of them have."""
    records = []
    for n in range(_SIZE):
        words = ["always"]
        words += ["half"] * (n % 2 == 0) + ["tenth"] * (n % 10 == 0)
        words += ["once"] * (n == 470) + ["thrice"] * (n % 334 == 0)
        layer = Layer.INSIGHTS if n % 4 == 0 else Layer.INTERACT
        records.append(Record(f"{' '.join(words)} n{n}", layer))
    await store.insert_many(records)


async def test_rare_words_choose_and_common_ones_rate(folder: Path) -> None:
    async with memory(folder) as store:
        await _fill(store)
        assert texts(await store.search("always half once", 1)) == ["always half tenth once n470"]
        found = texts(await store.search("half thrice tenth", 2))
        assert set(found) == {"always half tenth thrice n0", "always half thrice n334"}
        assert found[0] == "always half tenth thrice n0"
        assert len(await store.search("always", 10)) == 10
        assert await store.search("never heard") == []
        narrow = store.search("always half once").with_layers(["insights"])
        assert all(hit.record.layer is Layer.INSIGHTS for hit in await narrow)


@pytest.mark.parametrize(
    "question",
    ["always half", "always half tenth thrice once", "half tenth", "n1 n2 always", "always"],
)
async def test_the_cost_is_bounded(folder: Path, question: str) -> None:
    async with memory(folder) as store:
        await _fill(store)
        terms = query_terms(question)
        bounded = await store.source.read(lambda it: Lexical()._bounded(it, terms, _SIZE))
        assert bounded is not None
        ask = f"SELECT count(*) FROM {WORDS} WHERE {WORDS} MATCH ? AND rowid > ?"
        rated = await store.source.read(lambda it: it.execute(ask, bounded).get)
        plain = await store.source.read(lambda it: it.execute(ask, (" OR ".join(terms), 0)).get)
        assert 0 < rated <= 110
        assert plain > 110


@pytest.mark.parametrize(
    ("word", "count"), [("always", 1000), ("half", 500), ("tenth", 100), ("thrice", 3), ("no", 0)]
)
async def test_words_are_counted_about(folder: Path, word: str, count: int) -> None:
    async with memory(folder) as store:
        await _fill(store)
        found = await store.source.read(lambda it: lexical._estimate(it, f'"{word}"', _SIZE))
        assert found == pytest.approx(count, rel=0.15, abs=0)


async def test_small_memories_value_words_that_most_chunks_have(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("green apples"))
        await store.insert(Record("green pears"))
        found = await store.source.read(
            lambda it: Lexical().find(it, query_terms("green"), 10, Filter())
        )
        assert min(found.values()) > 0.01
