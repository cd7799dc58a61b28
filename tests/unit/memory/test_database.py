"""The database's threads: writes share transactions, one that fails fails alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ruster.core.errors import MemoryError, StorageError
from ruster.memory.database.database import Database
from ruster.storage.sqlite import database as module

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection


def _nothing(connection: Connection) -> None:
    """Prepare nothing."""


async def _opened(folder: Path) -> Database:
    database = Database(folder / "x.sqlite", _nothing)
    await database.open(lambda it: it.execute("CREATE TABLE IF NOT EXISTS t(x)").close())
    return database


async def _count(database: Database) -> int:
    return int(str(await database.read(lambda it: it.execute("SELECT count(*) FROM t").get)))


async def test_writes_that_wait_share_a_transaction(folder: Path) -> None:
    database = await _opened(folder)
    begun: list[str] = []

    def watch(connection: Connection) -> None:
        connection.trace_v2(1, lambda event: begun.append(event["sql"]))

    await database.alone(watch)

    def add(connection: Connection) -> None:
        connection.execute("INSERT INTO t VALUES(1)")

    await asyncio.gather(*(database.write(add) for _ in range(100)))
    assert await _count(database) == 100
    assert begun.count("COMMIT") < 20
    await database.aclose()


async def test_a_write_that_fails_leaves_nothing(folder: Path) -> None:
    database = await _opened(folder)

    def fail(connection: Connection) -> None:
        connection.execute("INSERT INTO t VALUES(1)")
        raise MemoryError("no")

    def add(connection: Connection) -> None:
        connection.execute("INSERT INTO t VALUES(2)")

    with pytest.raises(MemoryError):
        await database.write(fail)
    results = await asyncio.gather(
        *(database.write(it) for it in (add, fail, add, fail)), return_exceptions=True
    )
    assert [isinstance(it, MemoryError) for it in results] == [False, True, False, True]
    assert await _count(database) == 2
    await database.aclose()


async def test_a_write_that_was_given_up_before_it_began_does_not_happen(folder: Path) -> None:
    database = await _opened(folder)
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def held(connection: Connection) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

    def add(connection: Connection) -> None:
        connection.execute("INSERT INTO t VALUES(1)")

    first = asyncio.ensure_future(database.write(held))
    await entered.wait()
    second = asyncio.ensure_future(database.write(add))
    await asyncio.sleep(0)
    second.cancel()
    leave.set()
    await first
    await asyncio.gather(second, return_exceptions=True)
    assert second.cancelled()
    await database.write(lambda it: None)
    assert await _count(database) == 0
    await database.aclose()


async def test_the_queue_has_a_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_WAITING", 5)
    database = await _opened(folder)
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def held(connection: Connection) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

    first = asyncio.ensure_future(database.write(held))
    await entered.wait()
    waiting = [asyncio.ensure_future(database.write(lambda it: None)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(MemoryError) as caught:
        await database.write(lambda it: None)
    assert (caught.value.code, caught.value.retryable) == ("memory_busy", True)
    leave.set()
    await asyncio.gather(first, *waiting)
    await database.aclose()


async def test_a_reader_that_is_given_up_is_interrupted(folder: Path) -> None:
    database = await _opened(folder)
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def forever(connection: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        connection.execute(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
        ).fetchall()

    reading = asyncio.ensure_future(database.read(forever))
    await begun.wait()
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await database.aclose()  # would wait for ever if it went on
    with pytest.raises(MemoryError) as caught:
        await database.read(lambda it: None)
    assert caught.value.code == "memory_closed"


async def test_a_folder_that_cannot_be_made_is_told(folder: Path) -> None:
    (folder / "file").write_text("in the way")
    database = Database(folder / "file" / "x.sqlite", _nothing)
    with pytest.raises(StorageError):
        await database.open(_nothing)
