"""Jobs as commands, tools and reminders ask for them: made, shown, switched, run, removed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ruster.core.clock import Clock
from ruster.core.errors import JobError, RusterError
from ruster.core.ids import new_id
from ruster.core.tools import TurnScope
from ruster.proactive.budget import Budget, WatchedModels
from ruster.proactive.jobs.actions import Action, Prompt, Say, kind_of
from ruster.proactive.jobs.job import Job, MadeBy, Outcome, Receipt, State
from ruster.proactive.jobs.store import Counts, JobStore
from ruster.proactive.runner import Runner
from ruster.proactive.scheduler import Scheduler
from ruster.proactive.schedules.asking import ask_when
from ruster.proactive.schedules.cron import shortest_gap
from ruster.proactive.schedules.schedule import At, Schedule
from ruster.proactive.schedules.telling import describe
from ruster.proactive.schedules.words import parse_when, split_reminder
from ruster.proactive.settings import ProactiveSettings

__all__ = ["JobService", "ServiceParts"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_NEEDS_SESSION = ("say", "prompt", "tool")
_TITLE_CHARS = 80
_SHORTER = 8  # of the 16 digits of an id: people type them, and names are taken once


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service is made of; ``zone`` is the IANA name of the machine's zone."""

    store: JobStore
    scheduler: Scheduler
    runner: Runner
    budget: Budget
    models: WatchedModels
    settings: ProactiveSettings
    clock: Clock
    zone: str


class JobService:
    """Implements ``core.tool_ports.Reminders`` and ``core.ports.SessionState`` beside."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts

    # Making

    async def when(self, text: str, model: str | None = None) -> Schedule:
        """Understand a time in words; what they do not tell, ``model`` may.

        Raises JobError (``when_invalid``, ``when_past``).
        """
        now = self._parts.clock.now()
        try:
            return parse_when(text, now, self._parts.zone)
        except JobError as error:
            if model is None or error.code != "when_invalid":
                raise
            try:
                with self._parts.models.wanted():
                    return await ask_when(self._parts.models, model, text, now, self._parts.zone)
            except RusterError:
                raise error from None  # the model's failure says nothing about the words

    def reminder(self, text: str) -> tuple[Schedule, str] | None:
        """Understand a sentence such as "remind me in 20 minutes to …"; None if it is none."""
        return split_reminder(text, self._parts.clock.now(), self._parts.zone)

    async def add(self, job: Job, *, privileged: bool) -> tuple[Job, State]:
        """Keep a new job; raises JobError."""
        own = self._parts.settings
        _check_id(job.id)
        kind = kind_of(job.action)
        if kind in _NEEDS_SESSION and not job.session_id:
            raise JobError(f"a job that does {kind} needs a session_id", code="job_invalid")
        if not privileged:
            _check_rights(job, kind)
        if job.made_by is not MadeBy.RUSTER and not isinstance(job.schedule, At):
            gap_s = shortest_gap(job.schedule)
            if gap_s < own.shortest_gap_s:
                raise JobError(
                    f"it would be due every {gap_s:g} s; proactive.shortest_gap_s allows "
                    f"{own.shortest_gap_s} s at least",
                    code="job_limit",
                )
        state = await self._parts.store.add(job, self._parts.clock.now(), own.max_jobs)
        self._parts.scheduler.poke()
        return job, state

    def new_job(self, owner: int, schedule: Schedule, action: Action, **more: Any) -> Job:
        """Describe a job, with an id of its own if none is given."""
        job_id = more.pop("id", "") or new_id(kind_of(action))[:-_SHORTER]
        title = more.pop("title", "")
        if not title and isinstance(action, Say | Prompt):
            title = action.message.partition("\n")[0][:_TITLE_CHARS]
        now = self._parts.clock.now()
        return Job(job_id, owner, schedule, action, created=now, title=title, **more)

    async def schedule(
        self, scope: TurnScope, when: str, text: str, *, as_task: bool = False
    ) -> str:
        """Have something said, or done as a task, at a time; return when. See ``Reminders``."""
        schedule = await self.when(when)
        job, _ = await self.remind(scope, schedule, text, as_task=as_task, by=MadeBy.AGENT)
        return self.words(job.schedule)

    async def remind(
        self,
        scope: TurnScope,
        schedule: Schedule,
        text: str,
        *,
        as_task: bool = False,
        by: MadeBy = MadeBy.PERSON,
    ) -> tuple[Job, State]:
        """Have something said in a turn's session at a time; raises JobError."""
        job = self.new_job(
            scope.owner,
            schedule,
            Prompt(text) if as_task else Say(text),
            session_id=scope.session_id,
            made_by=by,
            origins=tuple(sorted(scope.taint.origins)),
        )
        return await self.add(job, privileged=scope.privileged)

    def words(self, schedule: Schedule) -> str:
        """Tell a schedule in words."""
        return describe(schedule, self._parts.clock.now(), self._parts.zone)

    # The rest

    async def get(self, owner: int, job_id: str) -> tuple[Job, State]:
        """Return a job and how it stands; raises JobError (``job_not_found``)."""
        return await self._parts.store.get(owner, job_id)

    async def jobs(self, owner: int | None, session_id: str = "") -> list[tuple[Job, State]]:
        """Return a user's jobs, or everybody's, the next ones first."""
        return await self._parts.store.jobs(owner, session_id)

    def is_running(self, job: Job) -> bool:
        """Whether a job runs now."""
        return bool(self._parts.runner.running.get((job.owner, job.id)))

    async def run(self, owner: int, job_id: str, by: str) -> Receipt:
        """Run a job at once, whenever it is due; raises JobError (``job_busy``)."""
        if self._parts.runner.running.get((owner, job_id)):
            raise JobError(f"the job {job_id!r} is running already", code="job_busy")
        now = self._parts.clock.now()
        claimed = await self._parts.store.begin(owner, job_id, now, by)
        return await self._parts.runner.start(claimed)

    async def tick(self) -> list[Receipt]:
        """Do all that is due now; return what was done."""
        done = await self._parts.scheduler.tick()
        return [it for it in done if it.outcome is not Outcome.SKIPPED]

    async def switch(self, owner: int, job_id: str, *, enabled: bool) -> None:
        """Switch a job on, from its next due on, or off; raises JobError."""
        now = self._parts.clock.now()
        await self._parts.store.switch(owner, job_id, now, enabled=enabled)
        self._parts.scheduler.poke()

    async def remove(self, owner: int, job_id: str) -> None:
        """Remove a job; raises JobError. Those of ruster itself can only be switched off."""
        job, _ = await self._parts.store.get(owner, job_id)
        if job.made_by is MadeBy.RUSTER:
            raise JobError(
                f"{job_id!r} is a job of ruster itself; switch it off instead", code="job_invalid"
            )
        await self._parts.store.remove(owner, job_id)
        self._parts.scheduler.poke()

    async def history(self, owner: int, job_id: str, limit: int) -> list[Receipt]:
        """Return a job's newest receipts, newest first; raises JobError."""
        return await self._parts.store.history(owner, job_id, limit)

    async def forget(self, session_key: str) -> None:
        """Remove the jobs of a session that goes."""
        owner, _, session_id = session_key.partition("/")
        await self._parts.store.remove_where(int(owner), session_id=session_id)

    # How it stands

    async def counts(self) -> Counts:
        """Count the jobs."""
        return await self._parts.store.counts()

    async def tokens_today(self) -> int:
        """Return what runs have taken since midnight."""
        return await self._parts.budget.spent_today()

    @property
    def tokens_a_day(self) -> int:
        """What runs may take in a day; 0 is no limit."""
        return self._parts.budget.limit

    @property
    def idle_tokens(self) -> int:
        """What was taken while nothing was due, since the start."""
        return self._parts.models.idle_tokens


def _check_id(job_id: str) -> None:
    if not _ID.match(job_id):
        raise JobError(
            "job_id must be 1 to 64 small letters, digits, _ or -, beginning with a letter or "
            "digit",
            code="job_invalid",
        )


def _check_rights(job: Job, kind: str) -> None:
    if kind not in ("say", "prompt") or job.condition is not None:
        raise JobError(
            "only the daemon's own user and root may have jobs that do more than say and prompt",
            code="not_permitted",
        )
