"""Group commit: many waiters to a flush, in order, and no failure keeps another waiting."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from ruster.core.errors import StorageError
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.storage.journal import Journal


class SlowDisk(Disk):
    """Flushes only when ``gate`` is open; counts flushes."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.started = threading.Event()
        self.flushes: list[int] = []
        self.broken: set[int] = set()

    def sync(self, fd: int) -> None:
        self.started.set()
        assert self.gate.wait(20)
        self.flushes.append(fd)
        if fd in self.broken:
            raise StorageError("the disk is dead")
        super().sync(fd)


async def started(disk: SlowDisk) -> None:
    assert await asyncio.to_thread(disk.started.wait, 20)


async def test_what_waits_while_the_disk_is_busy_shares_one_flush(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer()
    journal = Journal(tmp_path / "a.jsonl", disk)
    journal.append_record({"n": 0})
    futures = [committer.commit(journal)]
    await started(disk)
    for n in range(1, 100):
        journal.append_record({"n": n})
        futures.append(committer.commit(journal))
    assert not any(future.done() for future in futures)
    disk.gate.set()
    await asyncio.gather(*futures)
    assert len(disk.flushes) == 2
    await committer.aclose()
    journal.close()


async def test_nothing_is_done_before_the_flush(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer()
    journal = Journal(tmp_path / "a.jsonl", disk)
    future = committer.commit(journal)
    await started(disk)
    assert not future.done()
    disk.gate.set()
    await future
    await committer.aclose()
    journal.close()


async def test_futures_are_done_in_the_order_they_were_asked_for(tmp_path: Path) -> None:
    committer = Committer()
    journals = [Journal(tmp_path / f"{n}.jsonl", Disk()) for n in range(3)]
    order: list[int] = []
    futures = []
    for n in range(50):
        future = committer.commit(journals[n % 3])
        future.add_done_callback(partial(_note, order, n))
        futures.append(future)
        if n % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*futures)
    await asyncio.sleep(0)
    assert order == list(range(50))
    await committer.aclose()
    for journal in journals:
        journal.close()


def _note(order: list[int], n: int, _: asyncio.Future[None]) -> None:
    order.append(n)


async def test_a_dead_file_fails_its_own_waiters_only(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer()
    good = Journal(tmp_path / "good.jsonl", disk)
    bad = Journal(tmp_path / "bad.jsonl", disk)
    disk.broken.add(bad._fd)
    disk.gate.set()
    fine, failing, both = committer.commit(good), committer.commit(bad), committer.commit(good, bad)
    results = await asyncio.gather(fine, failing, both, return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], StorageError)
    assert isinstance(results[2], StorageError)
    await committer.commit(good)
    await committer.aclose()
    good.close()
    bad.close()


async def test_a_journal_closed_meanwhile_keeps_nobody_waiting(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer()
    first = Journal(tmp_path / "first.jsonl", disk)
    gone = Journal(tmp_path / "gone.jsonl", disk)
    stays = Journal(tmp_path / "stays.jsonl", disk)
    futures = [committer.commit(first)]
    await started(disk)
    futures += [committer.commit(gone), committer.commit(stays)]
    gone.close()
    disk.gate.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*futures)
    await committer.aclose()
    first.close()
    stays.close()


async def test_an_unforeseen_failure_keeps_nobody_waiting(tmp_path: Path) -> None:
    class OddDisk(Disk):
        def sync(self, fd: int) -> None:
            raise ValueError("odd")

    committer = Committer()
    odd = Journal(tmp_path / "odd.jsonl", OddDisk())
    fine = Journal(tmp_path / "fine.jsonl", Disk())
    async with asyncio.timeout(10):
        results = await asyncio.gather(
            committer.commit(odd), committer.commit(fine), return_exceptions=True
        )
    assert isinstance(results[0], StorageError)
    assert results[1] is None
    with pytest.raises(StorageError):
        odd.append_record({"n": 1})
    await committer.aclose()
    odd.close()
    fine.close()


async def test_a_waiter_that_gave_up_disturbs_nobody(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer()
    journal = Journal(tmp_path / "a.jsonl", disk)
    given_up = committer.commit(journal)
    await started(disk)
    kept = committer.commit(journal)
    given_up.cancel()
    disk.gate.set()
    await kept
    await committer.aclose()
    journal.close()


async def test_without_sync_nothing_is_flushed_and_nobody_waits(tmp_path: Path) -> None:
    disk, committer = SlowDisk(), Committer(sync=False)
    journal = Journal(tmp_path / "a.jsonl", disk)
    async with asyncio.timeout(10):
        await committer.commit(journal)
    assert disk.flushes == []
    await committer.aclose()
    journal.close()
