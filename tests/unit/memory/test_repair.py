"""Indexes that are damaged or missing are made anew from the records, also while one searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.database.native import Connection, load_vectors, open_connection
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, memory, texts

_DAMAGE = {
    "exact index gone": "DROP TABLE exact_1",
    "part of the exact index gone": "DROP TABLE exact_1_chunks",
    "vectors of the exact index gone": "DELETE FROM exact_1_vector_chunks00",
    "exact index cut": "UPDATE exact_1_vector_chunks00 SET vectors = x'00'",
    "signs gone": "DROP TABLE signs_1",
    "index of words gone": "DROP TABLE words",
    "part of the index of words gone": "DROP TABLE words_data",
    "index of words spoilt": "UPDATE words_data SET block = x'ffffffffffff' WHERE id > 9",
}


async def _fill(folder: Path) -> Path:
    async with memory(folder, BagOfWords()) as store:
        await store.insert_many([Record(f"stone {n} of the wall") for n in range(50)])
        await store.insert(Record("one fish", Layer.INSIGHTS, session="s"))
        await store.settle()
        return store.path


@pytest.mark.parametrize("damage", _DAMAGE.values(), ids=_DAMAGE)
async def test_a_damaged_index_is_made_anew(folder: Path, damage: str) -> None:
    path = await _fill(folder)
    connection = open_connection(path, writes=True)
    load_vectors(connection)
    connection.execute(damage)
    connection.close()
    store = await MemoryStore.open(path, ManualClock(NOON), embedders=[BagOfWords()])
    try:
        await store.search("fish")  # whichever index is asked, it must not fail
        await store.repair()
        await store.settle()
        assert await store.check() == []
        hits = await store.search("fish", 1)
        assert texts(hits) == ["one fish"]
        assert hits[0].scores.lexical == 1
        assert hits[0].scores.vector > 0.4
        await store.insert(Record("two fish"))
        await store.settle()
        assert await store.check() == []
    finally:
        await store.aclose()


async def test_a_search_repairs_by_itself(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = await _fill(folder)
    connection = open_connection(path, writes=True)
    load_vectors(connection)
    connection.execute("DROP TABLE exact_1")
    connection.close()
    async with memory(folder, BagOfWords()) as store:
        (hit,) = await store.search("fish", 1)
        assert hit.scores.vector > 0.4
        assert "repairing" in caplog.text
        assert await store.check() == []


async def test_an_interrupted_search_is_run_again_without_a_repair(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with memory(folder) as store:
        calls = 0

        def interrupted_once(connection: Connection) -> str:
            nonlocal calls
            calls += 1

            def stop(*_: object) -> None:
                connection.interrupt()

            if calls == 1:
                connection.create_scalar_function("stop", stop)
                connection.execute("SELECT stop()").fetchall()
            return "done"

        assert await store.source.read(interrupted_once) == "done"
        assert calls == 2
        assert "repairing" not in caplog.text


async def test_searches_do_not_repair_for_ever(folder: Path) -> None:
    async with memory(folder) as store:
        tries = 0

        def broken(connection: Connection) -> None:
            nonlocal tries
            tries += 1
            connection.execute("SELECT * FROM not_there")

        for _ in range(10):
            with pytest.raises(MemoryError):
                await store.source.read(broken)
        assert tries == 10 + 3


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM chunks WHERE id = 3",
        "DELETE FROM signs_1 WHERE chunk = 3",
        "DELETE FROM vectors_1 WHERE chunk = 3",
        "DELETE FROM exact_1 WHERE rowid = 3",
        "DELETE FROM words WHERE rowid = 3",
        "UPDATE generations SET size = 1",
        "DELETE FROM items WHERE n = 3",
    ],
)
async def test_the_check_finds_what_disagrees(folder: Path, damage: str) -> None:
    path = await _fill(folder)
    connection = open_connection(path, writes=True)
    load_vectors(connection)
    connection.execute(damage)
    connection.close()
    store = await MemoryStore.open(path, ManualClock(NOON))
    try:
        assert await store.check() != []
    finally:
        await store.aclose()


async def _searched(path: Path) -> None:
    store = await MemoryStore.open(path, ManualClock(NOON))
    try:
        await store.search("fish")
    finally:
        await store.aclose()


async def test_damaged_records_are_told(folder: Path) -> None:
    path = await _fill(folder)
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(MemoryError) as caught:
        await _searched(path)
    assert caught.value.code == "memory_corrupt"
