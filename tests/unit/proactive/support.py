"""Jobs without a daemon around them, on a clock that moves when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruster.core.errors import RusterError, ToolError
from ruster.core.web import WebAnswer
from ruster.llm.registry import Registry
from ruster.llm.router import Models
from ruster.llm.settings import LlmSettings
from ruster.proactive.budget import Budget, WatchedModels
from ruster.proactive.doing.checking import HttpDoer
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.doing.speaking import PromptDoer, SayDoer
from ruster.proactive.doing.upkeep import LogDoer
from ruster.proactive.jobs.actions import Action, CallTool, CheckHttp, EmitLog, Prompt, Say
from ruster.proactive.jobs.job import Job
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.runner import Runner, RunnerParts
from ruster.proactive.scheduler import Scheduler
from ruster.proactive.schedules.schedule import Every, Schedule
from ruster.proactive.settings import ProactiveSettings
from ruster.proactive.telling import Teller
from ruster.proactive.watching import Watcher
from ruster.testing import ManualClock
from tests.fakes.inbox import InboxRecorder

UID = 1000


@dataclass
class FakeWeb:
    """Answers with a status, or fails."""

    statuses: dict[str, int | RusterError] = field(default_factory=dict)

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        found = self.statuses.get(url, ToolError(f"{url} does not answer", code="fetch_failed"))
        if isinstance(found, RusterError):
            raise found
        return WebAnswer(url, found, "text/plain", b"", "", "web:test")


@dataclass
class CountingDoer:
    """Counts what it was asked to do; fails while ``failure`` says so."""

    can_repeat: bool = False
    done: list[tuple[str, str]] = field(default_factory=list)
    failure: RusterError | None = None

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        if self.failure is not None:
            raise self.failure
        self.done.append((job.id, key))
        return Done("counted")


class House:
    """Jobs and all that runs them."""

    def __init__(self, store: JobStore, clock: ManualClock, settings: ProactiveSettings) -> None:
        self.clock = clock
        self.store = store
        self.inbox = InboxRecorder()
        self.web = FakeWeb()
        self.tool = CountingDoer()
        self.models = WatchedModels(Models(Registry(LlmSettings(), {})))
        self.budget = Budget(store, settings.day_tokens, clock)
        self.runner = Runner(
            RunnerParts(
                store=store,
                doers={
                    Say: SayDoer(self.inbox),
                    Prompt: PromptDoer(self.inbox),
                    CallTool: self.tool,
                    CheckHttp: HttpDoer(self.web),
                    EmitLog: LogDoer(),
                },
                watcher=Watcher(self.web, clock),
                teller=Teller(self.inbox),
                budget=self.budget,
                models=self.models,
                settings=settings,
                clock=clock,
            )
        )
        self.scheduler = Scheduler(store, self.runner, settings, clock)

    async def add(
        self, action: Action | None = None, schedule: Schedule | None = None, **more: Any
    ) -> Job:
        """Keep a job: by default it says hello every hour."""
        now = self.clock.now()
        job = Job(
            more.pop("id", "hello"),
            more.pop("owner", UID),
            schedule or Every(3600, now),
            action or Say("hello"),
            created=now,
            session_id=more.pop("session_id", "work"),
            **more,
        )
        await self.store.add(job, now, 1000)
        return job

    async def outcomes(self, job_id: str = "hello") -> list[tuple[str, int]]:
        """Return the outcomes of a job's runs and how many earlier dues each stands for."""
        found = await self.store.history(UID, job_id, 1000)
        return [(it.outcome.value, it.missed) for it in reversed(found)]


@asynccontextmanager
async def house(
    folder: Path, clock: ManualClock | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Open jobs below ``folder``."""
    store = await JobStore.open(folder / "jobs.sqlite")
    built = House(store, clock or ManualClock(), ProactiveSettings(**settings))
    try:
        yield built
    finally:
        await built.scheduler.aclose()
        await store.aclose()
