"""Records come back as they were stored, are found, change, and survive a restart."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS, Layer, Record
from ruster.memory.database.native import open_connection
from ruster.memory.database.schema import VERSION
from ruster.memory.search.recipe import Recipe
from ruster.memory.store import FILE_NAME, MemoryStore
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, memory, texts


async def test_a_record_comes_back_whole(folder: Path) -> None:
    record = Record(
        "The parcel comes on Friday.",
        Layer.INSIGHTS,
        kind="promise",
        tags=("post", "decision"),
        project="house",
        session="work",
        speaker="Anna",
        ts=NOON - 60,
        id="0b8f6c3e-1111-4222-8333-444455556666",
        source="t-1",
        origins=("web:example.com",),
        pinned=True,
        score=0.75,
        slot="parcel.day",
        valid_from=NOON - 60,
        valid_to=NOON + 3600,
        expires=NOON + 7200,
        metadata='{"short_name":"parcel"}',
    )
    async with memory(folder) as store:
        assert await store.insert(record) == record
        assert await store.get(record.id) == record
        (hit,) = await store.search("When does the parcel come?")
        assert hit.record == record
        assert await store.get("another") is None


async def test_ids_and_times_are_given(folder: Path) -> None:
    async with memory(folder) as store:
        one, two = await store.insert_many([Record("one"), Record("two")])
        assert one.ts == two.ts == NOON
        assert one.id < two.id or one.id != two.id
        assert one.id[14] == "7"
        with pytest.raises(MemoryError) as caught:
            await store.insert(Record("again", id=one.id))
        assert caught.value.code == "record_exists"


async def test_all_of_a_batch_or_none(folder: Path) -> None:
    async with memory(folder) as store:
        with pytest.raises(MemoryError):
            await store.insert_many([Record("fine"), Record("\0")])
        with pytest.raises(MemoryError):
            await store.insert_many([Record("fine", id="x"), Record("as well", id="x")])
        assert await store.recent() == []


async def test_one_bad_write_does_not_spoil_those_beside_it(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("first", id="x"))
        results = await asyncio.gather(
            *(store.insert(Record(f"text {n}", id="x" if n % 3 == 0 else "")) for n in range(30)),
            return_exceptions=True,
        )
        assert sum(isinstance(it, MemoryError) for it in results) == 10
        assert len(await store.recent()) == 21


async def test_a_restart_forgets_nothing(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        await store.insert(Record("My cat is called Milo."))
        await store.facts.set("city", "Porto")
        await store.settle()
    async with memory(folder, BagOfWords()) as store:
        (hit,) = await store.search("cat")
        assert hit.scores.vector > 0
        fact = await store.facts.get("city")
        assert fact is not None
        assert fact.value == "Porto"


async def test_edit_and_pin(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        made = await store.insert(Record("The meeting is in room twelve.", session="s"))
        await store.insert(Record("Thanks.", session="s"))
        await store.settle()
        await store.edit(made.id, "The meeting is in the garden.")
        assert texts(await store.search("garden", 1)) == ["The meeting is in the garden."]
        assert not any("twelve" in hit.passage for hit in await store.search("room twelve"))
        assert all(hit.scores.lexical == 0 for hit in await store.search("twelve"))
        assert (await store.pin(made.id)).pinned
        assert not (await store.pin(made.id, False)).pinned
        await store.settle()
        for call in (store.edit("none", "text"), store.pin("none")):
            with pytest.raises(MemoryError) as caught:
                await call
            assert caught.value.code == "record_not_found"


async def test_uses_are_counted(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        made = await store.insert(Record("one"))
        clock.advance(60)
        await store.used([made.id, "none"])
        found = await store.get(made.id)
        assert found is not None
        assert (found.uses, found.last_used) == (1, NOON + 60)


async def test_recent_by_layer_and_page(folder: Path) -> None:
    async with memory(folder) as store:
        for n in range(5):
            layer = Layer.ASSETS if n % 2 else Layer.INTERACT
            await store.insert(Record(f"text {n}", layer, ts=NOON + n))
        assert [it.text for it in await store.recent(Layer.ASSETS)] == ["text 3", "text 1"]
        page = await store.recent(limit=2)
        assert [it.text for it in page] == ["text 4", "text 3"]
        rest = await store.recent(before=page[-1].ts)
        assert [it.text for it in rest] == ["text 2", "text 1", "text 0"]


async def test_vectors_may_come_with_the_record(folder: Path) -> None:
    bag = BagOfWords(rock="stone")
    (towards, away) = await BagOfWords(rock="stone").embed(["stone", "feather"])
    async with memory(folder, bag) as store:
        await store.insert(Record("one", embedding=towards))
        await store.insert(Record("two", embedding=away))
        await store.settle()
        assert bag.asked == []  # they had theirs
        hits = await store.search("rock")
        assert texts(hits) == ["one", "two"]
        assert hits[0].scores.vector == pytest.approx(Recipe().vector, abs=1e-3)


async def test_a_vector_that_is_none_is_refused_with_and_without_an_embedder(folder: Path) -> None:
    for embedders in ((), (BagOfWords(),)):
        async with memory(folder, *embedders) as store:
            for wrong in ([1.0], [0.0] * DIMENSIONS, [float("nan")] * DIMENSIONS):
                with pytest.raises(MemoryError) as caught:
                    await store.insert(Record("three", embedding=wrong))
                assert caught.value.code == "vector_invalid"


async def test_a_vector_without_an_embedder_is_made_by_the_next_one(folder: Path) -> None:
    bag = BagOfWords(rock="stone")
    async with memory(folder) as store:
        await store.insert(Record("stone", embedding=[1.0] + [0.0] * (DIMENSIONS - 1)))
        store.use([bag])
        await store.settle()
        assert len(bag.asked) == 1
        (hit,) = await store.search("rock")
        assert hit.scores.vector > 0.5


async def test_files_are_private_and_a_closed_memory_takes_no_more(folder: Path) -> None:
    store = await MemoryStore.open(folder / "memory" / FILE_NAME, ManualClock(NOON))
    await store.insert(Record("one"))
    files = list((folder / "memory").iterdir())
    assert {stat.S_IMODE(it.stat().st_mode) for it in files} == {0o600}
    assert stat.S_IMODE((folder / "memory").stat().st_mode) == 0o700
    await store.aclose()
    with pytest.raises(MemoryError) as caught:
        await store.insert(Record("two"))
    assert caught.value.code == "memory_closed"


async def test_a_file_of_a_later_version_is_refused_and_left_alone(folder: Path) -> None:
    path = folder / FILE_NAME
    connection = open_connection(path, writes=True)
    connection.pragma("user_version", VERSION + 1)
    connection.close()
    with pytest.raises(MemoryError) as caught:
        await MemoryStore.open(path, ManualClock(NOON))
    assert caught.value.code == "memory_too_new"


async def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    path = folder / FILE_NAME
    path.write_bytes(b"this is something else " * 1000)
    with pytest.raises(MemoryError) as caught:
        await MemoryStore.open(path, ManualClock(NOON))
    assert caught.value.code == "memory_corrupt"
    assert path.read_bytes().startswith(b"this is something else")


async def test_a_record_may_hold_what_it_holds(folder: Path) -> None:
    text = "  Grüße, 你好世界, мир, 🦀 'quotes' \"double\" %_*? \n\n tail "
    async with memory(folder) as store:
        made = await store.insert(Record(text, tags=('a "tag"', "日本")))
        assert await store.get(made.id) == replace(made)
        assert texts(await store.search("世界")) == [text]
        assert texts(await store.search("GRUSSE grüße")) == [text]
