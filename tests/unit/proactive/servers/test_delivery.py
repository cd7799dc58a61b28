"""How often, and how many at once: buckets, queues, turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ruster.client.event_server import EventServer
from ruster.proactive.servers.delivery import Outlet, RateLimited
from ruster.proactive.servers.registry import DeliveryMode
from ruster.testing import ManualClock
from tests.unit.proactive.servers.support import UID, House, house


@asynccontextmanager
async def attached(
    folder: Path, mode: DeliveryMode, clock: ManualClock
) -> AsyncIterator[tuple[House, Outlet]]:
    async with house(folder, clock=clock) as it:
        async with EventServer("mail", folder=it.folder):
            await it.connected("mail")
            await it.attach("mail", "work", mode)
        (outlet,) = it.servers.outlets("mail")
        yield it, outlet


async def test_what_is_too_much_is_dropped_and_told_once_a_burst(folder: Path) -> None:
    clock = ManualClock()
    async with attached(folder, DeliveryMode.NEXT_TURN, clock) as (it, outlet):
        for n in range(30):
            outlet.offer(str(n))
        await it.inbox.until(10)
        assert it.inbox.texts() == [f"{n}" for n in range(10)]
        assert (outlet.dropped, it.limited) == (20, [RateLimited("mail", UID, "work")])
        clock.advance(1)
        for n in range(30):
            outlet.offer(str(n))
        await it.inbox.until(15)
        assert (outlet.delivered, outlet.dropped, len(it.limited)) == (15, 45, 1)
        clock.advance(10)  # the burst is over
        for n in range(11):
            outlet.offer(str(n))
        assert len(it.limited) == 2
        assert "'mail'" in it.limited[0].message


async def test_one_session_does_not_use_up_what_is_anothers(folder: Path) -> None:
    clock = ManualClock()
    async with attached(folder, DeliveryMode.NEXT_TURN, clock) as (it, outlet):
        async with EventServer("mail", folder=it.folder):
            await it.connected("mail")
            await it.attach("mail", "other")
        for n in range(20):
            outlet.offer(str(n))
        (other,) = it.servers.outlets("mail", f"{UID}/other")
        other.offer("mine")
        await it.inbox.until(11)
        assert it.inbox.texts("other") == ["mine"]


async def test_one_event_is_answered_at_a_time_and_few_wait(folder: Path) -> None:
    clock = ManualClock()
    async with attached(folder, DeliveryMode.IMMEDIATE, clock) as (it, outlet):
        it.inbox.open.clear()
        outlet.offer("0")
        await it.inbox.until(1)
        for n in range(1, 40):
            clock.advance(1)  # the bucket alone would let all pass
            outlet.offer(str(n))
        assert (outlet.waiting, outlet.dropped) == (8, 31)
        it.inbox.open.set()
        await it.inbox.until(9)
        assert it.inbox.most_running == 1
        assert it.inbox.texts() == [f"Background Event: {n}" for n in range(9)]


async def test_a_session_that_takes_nothing_is_counted(folder: Path) -> None:
    clock = ManualClock()
    async with attached(folder, DeliveryMode.NEXT_TURN, clock) as (it, outlet):
        it.inbox.gone.add("work")
        outlet.offer("lost")
        while not outlet.failed:
            await asyncio.sleep(0)
        assert outlet.last_error == "there is no session 'work'"
        it.inbox.gone.clear()
        outlet.offer("found")
        await it.inbox.until(1)
        assert (outlet.failed, it.inbox.texts()) == (1, ["found"])


async def test_what_waits_is_not_handed_over_after_it_was_detached(folder: Path) -> None:
    clock = ManualClock()
    async with attached(folder, DeliveryMode.IMMEDIATE, clock) as (it, outlet):
        it.inbox.open.clear()
        for text in ("running", "waiting"):
            outlet.offer(text)
        await it.inbox.until(1)
        await it.servers.detach("mail", UID, "work")
        assert it.inbox.running == 0
        assert it.inbox.texts() == ["Background Event: running"]
