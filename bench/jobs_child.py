"""Many jobs in a process of their own: ``python -m bench.jobs_child KIND COUNT FOLDER``."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from ruster.proactive.jobs.actions import Say
from ruster.proactive.jobs.job import Job
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.jobs.tables import body_of
from ruster.proactive.schedules.schedule import Cron
from ruster.testing import ManualClock

_LOOKS = 200
_MB = 1e6


def main() -> None:
    """Print one JSON object: milliseconds a look and a taking, megabytes of the jobs."""
    kind, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    work = _ours(count, folder) if kind == "ruster" else _theirs(count)
    print(json.dumps(asyncio.run(work)))


async def _ours(count: int, folder: Path) -> dict[str, float]:
    clock = ManualClock()
    store = await JobStore.open(folder / "jobs.sqlite")
    await store.add(_job(0, clock.now()), clock.now(), count)
    before = _memory_mb()
    await _fill(store, count, clock.now())
    looks = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        await store.claim_due(clock.now(), {}, 60.0)
        await store.next_fires()
        looks.append((time.perf_counter() - began) * 1000)
    takes = []
    for _ in range(50):
        fires = await store.next_fires()
        assert fires is not None
        clock.jump(fires - clock.now())
        began = time.perf_counter()
        taken = await store.claim_due(clock.now(), {}, 60.0)
        takes.append((time.perf_counter() - began) * 1000 / len(taken))
    memory = _memory_mb() - before
    await store.aclose()
    return {"look_ms": _worst(looks), "take_ms": _worst(takes), "memory_mb": memory}


async def _fill(store: JobStore, count: int, now: float) -> None:
    """Write jobs as ``add`` does, but all in one transaction."""

    def work(connection: Any) -> None:
        for number in range(1, count):
            job = _job(number, now)
            connection.execute(
                "INSERT INTO jobs(owner, id, session, goal, made_by, created, body, due, fires)"
                " VALUES(0, ?, 's', '', 'person', ?, ?, ?, ?)",
                (job.id, now, body_of(job), now + 60.0 + number, now + 60.0 + number),
            )

    await store._database.write(work)


async def _theirs(count: int) -> dict[str, float]:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    before = _memory_mb()
    for number in range(count):
        trigger = CronTrigger(minute=number % 60, hour=(number // 60) % 24, timezone="UTC")
        scheduler.add_job(print, trigger, id=f"j-{number}")
    looks = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        scheduler._process_jobs()
        looks.append((time.perf_counter() - began) * 1000)
    memory = _memory_mb() - before
    scheduler.shutdown(wait=False)
    return {"look_ms": _worst(looks), "memory_mb": memory}


def _job(number: int, now: float) -> Job:
    schedule = Cron(f"{number % 60} {(number // 60) % 24} * * *", "UTC")
    return Job(f"j-{number}", 0, schedule, Say("now"), created=now, session_id="s")


def _worst(samples: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(samples)[int(len(samples) * 0.99) - 1]


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / _MB


if __name__ == "__main__":
    main()
