"""Building all that has to do with jobs; imported when the jobs are first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.inbox import SessionInbox
from ruster.core.ports import ChatModels, WebFetcher
from ruster.core.tools import Questions, Toolbox
from ruster.proactive.budget import Budget, WatchedModels
from ruster.proactive.doing.calling import ToolDoer
from ruster.proactive.doing.checking import HttpDoer
from ruster.proactive.doing.doer import Doers
from ruster.proactive.doing.speaking import PromptDoer, SayDoer
from ruster.proactive.doing.upkeep import LogDoer, Maintenance, UpkeepDoer
from ruster.proactive.heartbeat import Heartbeat
from ruster.proactive.jobs.actions import (
    CallTool,
    CheckHttp,
    EmitLog,
    Maintain,
    Prompt,
    Say,
)
from ruster.proactive.jobs.job import Job, MadeBy
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.pulse.pulse import Pulse, PulseParts
from ruster.proactive.runner import Runner, RunnerParts
from ruster.proactive.scheduler import Scheduler
from ruster.proactive.schedules.schedule import Cron, Every, Schedule, local_zone
from ruster.proactive.schedules.words import parse_when
from ruster.proactive.service import JobService, ServiceParts
from ruster.proactive.settings import ProactiveSettings, SchedulerSettings
from ruster.proactive.telling import Notices, Teller
from ruster.proactive.watching import Watcher
from ruster.storage.disk import Disk

__all__ = ["BuildParts", "Jobs", "open_jobs"]

_HEARTBEAT_S = 60
_DAY_S = 86_400.0
_LOOK_AROUND = (
    "Look around: is there anything that the user would want to be told or that you should do now, "
    "going by what you remember and by their goals? If there is nothing, answer with: nothing."
)


@dataclass(frozen=True, slots=True)
class BuildParts:
    """What jobs are built from. ``folder`` is where all is kept, ``interval_s`` the seed's tick."""

    settings: ProactiveSettings
    times: SchedulerSettings
    interval_s: int
    folder: Path
    state: Path
    inbox: SessionInbox
    toolbox: Toolbox
    web: WebFetcher
    models: ChatModels
    maintenance: Mapping[str, Maintenance]
    questions: Questions
    clock: Clock
    disk: Disk
    notices: Notices | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """The open jobs: what asks for them, and what runs them."""

    service: JobService
    scheduler: Scheduler
    store: JobStore
    pulse: Pulse

    async def aclose(self) -> None:
        """Stop what runs, and close the file."""
        await self.scheduler.aclose()
        await self.pulse.aclose()
        await self.store.aclose()


async def open_jobs(parts: BuildParts) -> Jobs:
    """Open the jobs, and keep ruster's own among them; raises JobError, StorageError."""
    store = await JobStore.open(parts.state / "jobs.sqlite")
    own, clock = parts.settings, parts.clock
    models = WatchedModels(parts.models)
    budget = Budget(store, own.day_tokens, clock)
    runner = Runner(
        RunnerParts(
            store=store,
            doers=_doers(parts, store),
            watcher=Watcher(parts.web, clock),
            teller=Teller(parts.inbox, parts.notices),
            budget=budget,
            models=models,
            settings=own,
            clock=clock,
        )
    )
    scheduler = Scheduler(store, runner, own, clock)
    zone = local_zone()
    service = JobService(ServiceParts(store, scheduler, runner, budget, models, own, clock, zone))
    pulse = Pulse(
        PulseParts(
            store=store,
            poke=scheduler.poke,
            run_job=service.run,
            questions=parts.questions,
            models=models,
            settings=own,
            folder=parts.folder,
            owner=os.geteuid(),
            disk=parts.disk,
            clock=clock,
        )
    )
    try:
        await store.ensure(_own_jobs(parts, zone), clock.now())
        await pulse.open()
    except BaseException:
        await store.aclose()
        raise
    return Jobs(service, scheduler, store, pulse)


def _doers(parts: BuildParts, store: JobStore) -> Doers:
    async def sweep() -> str:
        before = parts.clock.now() - parts.settings.keep_days * _DAY_S
        gone = await store.prune(parts.settings.keep_receipts, before)
        return f"{gone} old receipts are gone"

    maintenance: dict[str, Maintenance] = {
        **parts.maintenance,
        "heartbeat": Heartbeat(parts.folder),
        "sweep": sweep,
    }
    return {
        Say: SayDoer(parts.inbox, parts.notices),
        Prompt: PromptDoer(parts.inbox),
        CallTool: ToolDoer(parts.inbox, parts.toolbox),
        CheckHttp: HttpDoer(parts.web),
        Maintain: UpkeepDoer(maintenance),
        EmitLog: LogDoer(),
    }


def _own_jobs(parts: BuildParts, zone: str) -> list[Job]:
    """Describe the jobs that every ruster has; raises JobError for a time that is none."""
    owner, now = os.geteuid(), parts.clock.now()

    def own(job_id: str, title: str, schedule: Schedule, part: str) -> Job:
        return Job(
            job_id,
            owner,
            schedule,
            Maintain(part),
            created=now,
            title=title,
            made_by=MadeBy.RUSTER,
        )

    # Anchors are fixed: a start must not look like another schedule.
    jobs = [
        own("runtime-heartbeat", "look whether all is well", Every(_HEARTBEAT_S, 0.0), "heartbeat"),
        own("proactive-sweep", "clear away receipts", Every(parts.interval_s, 0.0), "sweep"),
    ]
    if "memory-promote" in parts.maintenance:
        promote, vacuum = (parts.times.promote_cron, parts.times.vacuum_cron)
        jobs += [
            own("memory-promote", "move aged memories", Cron(promote, zone), "memory-promote"),
            own("memory-vacuum", "clean the memories", Cron(vacuum, zone), "memory-vacuum"),
        ]
    if parts.settings.look_around:
        schedule = parse_when(parts.settings.look_around, now, zone)
        session = parts.settings.look_around_session
        jobs.append(
            Job(
                "look-around",
                owner,
                schedule,
                Prompt(_LOOK_AROUND),
                created=now,
                session_id=session,
                title="look around",
                made_by=MadeBy.RUSTER,
            )
        )
    return jobs
