"""Many memories searched as one: ranked together, a few open at a time, bad ones left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Record
from ruster.memory.everywhere import Everywhere
from ruster.memory.memories import Memories
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, WordCount, texts

MANY = 12
MAX_OPEN = 2


@pytest.fixture
async def memories(tmp_path: Path) -> AsyncIterator[Memories]:
    memories = Memories(tmp_path / "owners", ManualClock(NOON), MAX_OPEN)
    yield memories
    await memories.aclose()


async def _filled(memories: Memories, folder: Path) -> list[Path]:
    files = [memories.session_file(folder / f"s{n}") for n in range(MANY)]
    for n, file in enumerate(files):
        async with memories.lend(file) as store:
            await store.insert(Record(f"the boat number {n} is blue"))
            await store.insert(Record(f"tea is at {n} o'clock"))
    return files


async def test_the_best_of_all_come_first_and_say_where_they_are(
    memories: Memories, tmp_path: Path
) -> None:
    files = await _filled(memories, tmp_path)
    everywhere = Everywhere(memories, files)
    hits = await everywhere.query("which boat has the number 7", 3)
    assert texts(hits)[0] == "the boat number 7 is blue"
    assert all("boat" in it for it in texts(hits))
    assert [everywhere.file_of(hit) for hit in hits[:1]] == [files[7]]
    # One that fits alone in its memory is not the best of all for that.
    assert hits[0].scores.lexical > hits[1].scores.lexical
    await everywhere.used(hits[:1])
    async with memories.lend(files[7]) as store:
        assert {it.text: it.uses for it in await store.recent()}[hits[0].record.text] == 1


async def test_meaning_and_ratings_count_as_in_one_memory(
    memories: Memories, tmp_path: Path
) -> None:
    bag = BagOfWords(ship="boat")
    memories.use([bag], WordCount("5"))
    files = await _filled(memories, tmp_path)
    for file in files:
        async with memories.lend(file) as store:
            await store.settle()
    hits = await Everywhere(memories, files).query("ship 3", 10)
    assert texts(hits)[0] == "the boat number 3 is blue"
    assert hits[0].scores.vector > 0
    rated = await Everywhere(memories, files).query("boat", 3).rerank(12)
    assert texts(rated)[0] == "the boat number 5 is blue"


async def test_only_a_few_are_open_at_a_time(
    memories: Memories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = await _filled(memories, tmp_path)
    open_now: list[Path] = []
    seen: set[Path] = set()
    most = 0
    lend = memories.lend

    @asynccontextmanager
    async def counting(file: Path) -> AsyncIterator[MemoryStore]:
        nonlocal most
        async with lend(file) as store:
            open_now.append(file)
            seen.add(file)
            most = max(most, len(set(open_now)))
            yield store
            open_now.remove(file)

    monkeypatch.setattr(memories, "lend", counting)
    assert await Everywhere(memories, files).query("boat", 10)
    assert seen == set(files)
    assert most <= 5  # four that are read, and the one whose models are used


async def test_what_is_gone_or_damaged_is_left_out_and_not_made_anew(
    memories: Memories, tmp_path: Path
) -> None:
    files = await _filled(memories, tmp_path)
    await memories.release(files[0])
    await memories.release(files[3])
    for ending in ("", "-wal", "-shm"):
        files[0].with_name(files[0].name + ending).unlink(missing_ok=True)
        files[3].with_name(files[3].name + ending).unlink(missing_ok=True)
    files[3].write_bytes(b"no database" * 1000)
    everywhere = Everywhere(memories, files)
    assert len(await everywhere.query("boat", 100)) == MANY - 2
    assert everywhere.searched == [*files[1:3], *files[4:]]
    assert not files[0].exists()
    nothing = Everywhere(memories, [files[0]])
    assert (await nothing.query("boat", 10), nothing.searched) == ([], [])
    with pytest.raises(MemoryError):
        everywhere.query("a\0b", 10)
