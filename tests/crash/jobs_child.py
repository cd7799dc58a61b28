"""A scheduler in a process of its own, to be killed: every effect is a line of a file.

`python -m tests.crash.jobs_child FOLDER` prints `ready` when what was begun is taken up again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import SystemClock
from ruster.llm.registry import Registry
from ruster.llm.router import Models
from ruster.llm.settings import LlmSettings
from ruster.proactive.budget import Budget, WatchedModels
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.jobs.actions import CallTool, EmitLog
from ruster.proactive.jobs.job import Job, Misfire
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.runner import Runner, RunnerParts
from ruster.proactive.scheduler import Scheduler
from ruster.proactive.schedules.schedule import Every
from ruster.proactive.settings import ProactiveSettings
from ruster.proactive.telling import Teller
from ruster.proactive.watching import Watcher
from tests.fakes.inbox import InboxRecorder
from tests.unit.proactive.support import FakeWeb

JOBS = 20


@dataclass
class LineDoer:
    """Writes the key of a run as a line, in two steps with a pause between."""

    file: Path
    can_repeat: bool

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        fd = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, f"{job.id} {key}\n".encode())
            await asyncio.sleep(0.01)
        finally:
            os.close(fd)
        return Done("written")


async def run(folder: Path) -> None:
    """Do what is due until this process is killed."""
    clock, settings = SystemClock(), ProactiveSettings(keep_receipts=100_000)
    store = await JobStore.open(folder / "jobs.sqlite")
    if not (await store.counts()).jobs:
        now = clock.now()
        for number in range(JOBS):
            action = CallTool("line") if number % 2 else EmitLog("line")
            job = Job(f"j-{number}", 0, Every(1, now), action, now, misfire=Misfire.ONCE)
            await store.add(job, now, JOBS)
    runner = Runner(
        RunnerParts(
            store=store,
            doers={
                CallTool: LineDoer(folder / "once", can_repeat=False),
                EmitLog: LineDoer(folder / "again", can_repeat=True),
            },
            watcher=Watcher(FakeWeb(), clock),
            teller=Teller(InboxRecorder()),
            budget=Budget(store, 0, clock),
            models=WatchedModels(Models(Registry(LlmSettings(), {}))),
            settings=settings,
            clock=clock,
        )
    )
    scheduler = Scheduler(store, runner, settings, clock)
    scheduler.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
