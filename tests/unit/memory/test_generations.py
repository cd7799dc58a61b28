"""Embedders come, fail, go and change; memories stay findable all the while."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.index import nearest, vectors
from ruster.memory.index.formats import many_encoded
from ruster.memory.index.vectors import generations
from ruster.memory.store import MemoryStore
from tests.unit.memory.memories import BagOfWords, memory, texts


async def _sizes(store: MemoryStore) -> dict[str, int]:
    return {it.name: it.size for it in await store.source.read(generations)}


async def test_vectors_are_made_when_an_embedder_comes(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert_many([Record(f"stone {n}") for n in range(100)])
        await store.settle()
        assert await _sizes(store) == {}
        bag = BagOfWords(rock="stone")
        store.use([bag])
        await store.settle()
        assert await _sizes(store) == {"bag/words": 100}
        assert len(bag.asked) == 100
        (hit,) = await store.search("rock 42", 1)
        assert hit.record.text == "stone 42"
        store.use([])
        assert (await store.search("stone 42", 1))[0].scores.vector == 0


async def test_vectors_are_made_of_date_speaker_and_text(folder: Path) -> None:
    bag = BagOfWords()
    async with memory(folder, bag) as store:
        await store.insert(Record("I like tea.", speaker="Anna"))
        await store.settle()
        assert bag.asked == ["[24 November 2026] Anna: I like tea."]


async def test_another_model_makes_all_vectors_anew(folder: Path) -> None:
    old = BagOfWords("bag/old", rock="stone")
    new = BagOfWords("bag/new", rock="stone")
    async with memory(folder, old) as store:
        await store.insert_many([Record(f"stone {n}") for n in range(150)])
        await store.settle()
        new.gate.clear()
        store.use([new, old])
        search = store.search("rock 42", 1)
        new.gate.set()
        assert texts(await search) == ["stone 42"]
        # Midway: one batch is made anew, the rest is found through the older model.
        for _ in range(200):
            sizes = await _sizes(store)
            if 0 < sizes.get("bag/new", 0) < 150:
                found = await store.search("rock 3", 1), await store.search("rock 148", 1)
                assert [texts(it) for it in found] == [["stone 3"], ["stone 148"]]
                break
            await asyncio.sleep(0)
        await store.settle()
        assert await _sizes(store) == {"bag/new": 150}
        store.use([new])
        assert texts(await store.search("rock 42", 1)) == ["stone 42"]


async def test_a_stopped_change_of_models_goes_on_after_a_restart(folder: Path) -> None:
    async with memory(folder, BagOfWords("bag/old")) as store:
        await store.insert_many([Record(f"stone {n}") for n in range(150)])
        await store.settle()
    new = BagOfWords("bag/new")
    async with memory(folder, new) as store:
        while not 0 < (await _sizes(store)).get("bag/new", 0) < 150:
            await asyncio.sleep(0)
    async with memory(folder, new) as store:
        await store.settle()
        assert await _sizes(store) == {"bag/new": 150}


async def test_a_failing_embedder_is_told_once_and_tried_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bag = BagOfWords()
    bag.failure = MemoryError("the model is gone", code="embedder_failed", retryable=True)
    async with memory(folder, bag) as store:
        for n in range(3):
            await store.insert(Record(f"stone {n}"))
            await store.settle()
        assert [it.message for it in caplog.records] == [
            "no vectors for new memories for now: the model is gone"
        ]
        bag.failure = None
        await store.insert(Record("stone 3"))
        await store.settle()
        assert await _sizes(store) == {"bag/words": 4}


async def test_a_text_without_a_usable_vector_does_not_stop_the_others(folder: Path) -> None:
    bag = BagOfWords()
    bag.spoilt = "stone 2"
    async with memory(folder, bag) as store:
        await store.insert_many([Record(f"stone {n}") for n in range(5)])
        await store.settle()
        assert await _sizes(store) == {"bag/words": 4}
        for _ in range(5):
            await store.settle()
        asked = len(bag.asked)
        await store.settle()
        assert len(bag.asked) == asked  # it is given up
        bag.spoilt = ""
        assert texts(await store.search("stone 2", 1)) == ["stone 2"]
        store.use([bag])
        await store.settle()
        assert await _sizes(store) == {"bag/words": 5}


async def test_what_changes_while_its_vector_is_made_gets_another(folder: Path) -> None:
    bag = BagOfWords(rock="stone")
    async with memory(folder, bag) as store:
        bag.gate.clear()
        made = await store.insert(Record("a stone"))
        gone = await store.insert(Record("a stone, too"))
        while not bag.asked:
            await asyncio.sleep(0)
        store.use([])  # the search below is to use words only
        await store.edit(made.id, "a feather")
        await store.forget([gone.id])
        store.use([bag])
        bag.gate.set()
        await store.settle()
        assert await _sizes(store) == {"bag/words": 1}
        (hit,) = await store.search("rock")
        assert hit.record.text == "a feather"
        assert hit.scores.vector < 0.5


@pytest.mark.parametrize("how", ["exact", "signs", "signs in SQL"])
async def test_every_way_to_the_nearest_agrees(
    folder: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small limits stand in for large memories; filters hold in all ways."""
    if how != "exact":
        monkeypatch.setattr(nearest, "_FEW", 10)
        monkeypatch.setattr(vectors, "EXACT_LIMIT", 20)
    monkeypatch.setattr(nearest, "_DIRECT", 10)
    if how != "signs":
        monkeypatch.setattr(nearest, "find_spec", lambda name: None)
        monkeypatch.delitem(sys.modules, "numpy", raising=False)
    bag = BagOfWords(rock="stone")
    async with memory(folder, bag) as store:
        made = await store.insert_many(
            [Record(f"stone {n}", tuple(Layer)[n % 3], project=f"p{n % 2}") for n in range(60)]
        )
        await store.settle()
        (found,) = await store.source.read(generations)
        assert found.exact is (how == "exact")
        rock = store.search("rock 42", 5)
        assert texts(await rock)[0] == "stone 42"
        assert texts(await rock.with_layers(["interact"]).with_project("p0"))[0] == "stone 42"
        assert "stone 42" not in texts(await rock.with_layers(["assets"]))
        assert "stone 42" not in texts(await rock.with_project("p1"))
        await store.edit(made[7].id, "stone one and forty two")
        await store.forget([made[42].id])
        await store.insert(Record("stone 42 again"))
        await store.settle()
        best = texts(await store.search("rock 42 again", 3))
        assert best[0] == "stone 42 again"
        assert "stone 42" not in best
        clock_day = store.upkeep()
        await clock_day.promote()


async def test_both_ways_to_compute_give_the_same() -> None:
    from ruster.memory.index import arrays, formats

    bag = BagOfWords()
    made = await bag.embed(["one two", "three", "four five six"])
    plain = [formats.encode(formats.checked(it)) for it in made]
    fast = arrays.encode_all(made)
    for (half, small, signs), (half2, small2, signs2) in zip(plain, fast, strict=True):
        assert signs == signs2
        assert max(abs(a - b) for a, b in zip(small, small2, strict=True)) <= 1
        pairs = zip(formats.from_half(half), formats.from_half(half2), strict=True)
        assert all(math.isclose(a, b, abs_tol=1e-3) for a, b in pairs)
    query = formats.checked(made[0])
    halves = [it[0] for it in plain]
    slow = [sum(map(float.__mul__, query, formats.from_half(it))) for it in halves]
    assert arrays.dots(query, halves) == pytest.approx(slow, abs=1e-3)
    assert formats.cosines(query, halves)[0] == pytest.approx(1, abs=1e-3)
    with pytest.raises(MemoryError):
        arrays.dots(query, [b"\0" * 767])
    with pytest.raises(MemoryError):
        formats.from_half(b"\0" * 767)


@pytest.mark.parametrize("library", [True, False], ids=["numpy", "plain"])
def test_no_vectors_at_all_are_encoded_either_way(
    monkeypatch: pytest.MonkeyPatch, library: bool
) -> None:
    if library:
        pytest.importorskip("numpy")
    else:
        monkeypatch.delitem(sys.modules, "numpy", raising=False)
    assert many_encoded([]) == []
