"""Copies of a memory in use, and what comes back from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError, ProtocolError
from ruster.core.memory import Layer, Record
from ruster.memory.backups import BEFORE_RESTORE, Backups
from ruster.memory.memories import Memories
from ruster.testing import ManualClock


@pytest.fixture
async def memories(tmp_path: Path) -> AsyncIterator[Memories]:
    memories = Memories(tmp_path / "memory", ManualClock(1_700_000_000.0), 4)
    yield memories
    await memories.aclose()


@pytest.fixture
def backups(memories: Memories, tmp_path: Path) -> Backups:
    clock = ManualClock(1_700_000_000.0)
    return Backups(memories, memories.owner_file(7), tmp_path / "backups" / "7", clock)


async def _texts(memories: Memories) -> set[str]:
    async with memories.lend(memories.owner_file(7)) as store:
        assert await store.check() == []
        return {it.text for it in await store.recent()}


async def _insert(memories: Memories, *texts: str) -> None:
    async with memories.lend(memories.owner_file(7)) as store:
        await store.insert_many(Record(text, layer=Layer.INSIGHTS) for text in texts)


async def test_a_copy_made_while_records_come_is_whole_and_comes_back(
    memories: Memories, backups: Backups
) -> None:
    await _insert(memories, *(f"before {n}" for n in range(50)))

    async def meanwhile() -> None:
        for n in range(50):
            await _insert(memories, f"meanwhile {n}")

    made, _ = await asyncio.gather(backups.make("one"), meanwhile())
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert not list(made.path.parent.glob(".part*"))
    await _insert(memories, "after")
    before = await backups.restore("one")
    assert before is not None
    texts = await _texts(memories)
    assert {f"before {n}" for n in range(50)} <= texts
    assert "after" not in texts
    # ... and it can be used on, and what was there is not lost.
    await _insert(memories, "later")
    assert "later" in await _texts(memories)
    await backups.restore(BEFORE_RESTORE)
    assert "after" in await _texts(memories)
    assert "later" not in await _texts(memories)


async def test_whoever_holds_the_memory_gets_an_error_and_can_ask_again(
    memories: Memories, backups: Backups
) -> None:
    await _insert(memories, "kept")
    await backups.make("one")
    async with memories.lend(memories.owner_file(7)) as store:
        await backups.restore("one")
        with pytest.raises(MemoryError) as caught:
            await store.recent()
        assert caught.value.code == "memory_closed"
    assert await _texts(memories) == {"kept"}


async def test_a_damaged_copy_leaves_everything_as_it_is(
    memories: Memories, backups: Backups
) -> None:
    await _insert(memories, *(f"text {n} " * 50 for n in range(200)))
    made = await backups.make("one")
    whole = made.path.read_bytes()
    for broken in (b"", b"no database", whole[: len(whole) // 2], _damaged(whole)):
        made.path.write_bytes(broken)
        with pytest.raises(MemoryError) as caught:
            await backups.restore("one")
        assert caught.value.code == "memory_corrupt"
        assert len(await _texts(memories)) == 100
    assert {it.name for it in await backups.all()} == {"one"}
    assert [it.name for it in memories.owner_file(7).parent.iterdir() if "restor" in it.name] == []
    made.path.write_bytes(whole)
    await backups.restore("one")


def _damaged(whole: bytes) -> bytes:
    middle = len(whole) // 2 // 4096 * 4096
    return whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :]


async def test_a_copy_of_a_later_version_is_refused(memories: Memories, backups: Backups) -> None:
    import apsw

    await _insert(memories, "kept")
    made = await backups.make("one")
    connection = apsw.Connection(str(made.path))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(MemoryError) as caught:
        await backups.restore("one")
    assert caught.value.code == "memory_too_new"
    assert await _texts(memories) == {"kept"}


async def test_names_are_taken_once_and_lead_nowhere_else(
    memories: Memories, backups: Backups
) -> None:
    await backups.make("one")
    with pytest.raises(MemoryError) as caught:
        await backups.make("one")
    assert caught.value.code == "backup_exists"
    timed = await backups.make()
    assert timed.name.startswith("2023-11-1")
    assert {it.name for it in await backups.all()} == {"one", timed.name}
    for name in ("../x", "a/b", "", ".x", "x" * 65):
        for use in (backups.make, backups.restore, backups.remove):
            if name or use != backups.make:
                with pytest.raises(ProtocolError):
                    await use(name)
    await backups.remove("one")
    for use in (backups.restore, backups.remove):
        with pytest.raises(MemoryError) as caught:
            await use("one")
        assert caught.value.code == "backup_not_found"


async def test_what_a_kill_has_left_is_swept_away(memories: Memories, backups: Backups) -> None:
    await backups.make("one")
    left = [
        (await backups.all())[0].path.with_name(".part-0123"),
        memories.owner_file(7).with_name(".restoring-0123"),
    ]
    for path in left:
        path.write_text("half of a memory")
    assert [it.name for it in await backups.all()] == ["one"]
    await backups.make("two")
    assert not any(path.exists() for path in left)


async def test_there_is_a_bound(
    memories: Memories, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.memory.backups._MAX_COPIES", 2)
    await backups.make("one")
    await backups.make("two")
    with pytest.raises(MemoryError) as caught:
        await backups.make("three")
    assert caught.value.code == "backup_limit"
