"""All that ruster does by itself, built from the settings.

The jobs are opened in the background after the start, or when they are first asked for: their
library is not loaded before the socket takes connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.clock import Clock, rfc3339
from ruster.core.errors import JobError, RusterError
from ruster.core.inbox import SessionInbox
from ruster.core.messages import ToolCall
from ruster.core.ports import ChatModels, WebFetcher
from ruster.core.tasks import spawn
from ruster.core.tools import Answered, Toolbox, ToolCommands, TurnScope
from ruster.notice_services import NoticeServices
from ruster.protocol.events import ProactiveSummary
from ruster.storage.disk import Disk
from ruster.trust.approvals import Approvals

if TYPE_CHECKING:
    from ruster.handlers.proactive import ProactiveHandlers
    from ruster.proactive.building import BuildParts, Jobs
    from ruster.proactive.goals.tracker import GoalTracker
    from ruster.proactive.ooda.service import Ooda
    from ruster.proactive.service import JobService
    from ruster.sessions.store import SessionStore

__all__ = ["ChainedCommands", "LateReminders", "ProactiveParts", "ProactiveServices"]

_log = structlog.stdlib.get_logger("ruster.proactive")


@dataclass(frozen=True, slots=True)
class ProactiveParts:
    """What acting by itself needs of the rest of the house."""

    inbox: SessionInbox
    toolbox: Toolbox
    web: WebFetcher
    models: ChatModels
    maintenance: Mapping[str, Callable[[], Awaitable[str]]]
    approvals: Approvals
    attended: Callable[[str], bool]
    environment: Mapping[str, str]
    clock: Clock
    disk: Disk


class ProactiveServices:
    """``jobs`` waits until they are at hand."""

    def __init__(self, settings: Settings, paths: Paths, parts: ProactiveParts) -> None:
        self._settings = settings
        self._paths = paths
        self._parts = parts
        self._opening: asyncio.Task[Jobs] | None = None
        self._notices = NoticeServices(
            settings.proactive.notify, parts.environment, parts.approvals, parts.attended
        )

    def start(self) -> None:
        """Do what is due from now on."""
        if self._settings.proactive.enabled:
            self._open()

    async def aclose(self) -> None:
        """End what runs, close the file, show no more notifications."""
        if self._opening is not None:
            with suppress(RusterError):
                await (await self._opening).aclose()
        await self._notices.aclose()

    async def jobs(self) -> JobService:
        """Return what makes and shows jobs; raises JobError or StorageError."""
        return (await asyncio.shield(self._open())).service

    async def handlers(self, sessions: SessionStore) -> ProactiveHandlers:
        """Return the commands about all this, imported when the first one comes."""
        return await asyncio.to_thread(self._handlers, sessions)

    async def summary(self) -> ProactiveSummary | None:
        """Tell how it stands, if the jobs are at hand."""
        if self._opening is None:
            return None
        try:
            service = await self.jobs()
            counts = await service.counts()
            today = await service.tokens_today()
        except RusterError:
            return None
        return ProactiveSummary(
            jobs=counts.jobs,
            enabled=counts.enabled,
            due=None if counts.next_fires is None else rfc3339(counts.next_fires),
            tokens_idle=service.idle_tokens,
            tokens_today=today,
            tokens_per_day=service.tokens_a_day,
        )

    async def forget(self, session_key: str) -> None:
        """Remove the jobs of a session that goes; see ``core.ports.SessionState``.

        A file of jobs that cannot be read keeps no session from going: none of it is done anyway.
        """
        if self._opening is None and not (self._paths.state / "jobs.sqlite").exists():
            return
        try:
            service = await self.jobs()
        except JobError as error:
            _log.warning("jobs_not_forgotten", session=session_key, why=error.message)
            return
        await service.forget(session_key)

    def _open(self) -> asyncio.Task[Jobs]:
        failed = (
            self._opening is not None
            and self._opening.done()
            and (self._opening.cancelled() or self._opening.exception() is not None)
        )
        if self._opening is None or failed:
            self._opening = spawn(self._opened(), name="open the jobs", log_failure=False)
        return self._opening

    async def _opened(self) -> Jobs:
        await asyncio.to_thread(_load)
        from ruster.proactive.building import open_jobs

        try:
            jobs = await open_jobs(self._build_parts())
        except RusterError as error:
            _log.error("jobs_not_opened", why=error.message)
            raise
        jobs.scheduler.start()
        return jobs

    def _handlers(self, sessions: SessionStore) -> ProactiveHandlers:
        from ruster.handlers.goal import GoalHandlers
        from ruster.handlers.job import JobHandlers
        from ruster.handlers.ooda import OodaHandlers
        from ruster.handlers.proactive import ProactiveHandlers

        return ProactiveHandlers(
            JobHandlers(sessions, self.jobs),
            GoalHandlers(self._goals),
            OodaHandlers(sessions, self._ooda),
        )

    async def _goals(self) -> GoalTracker:
        return (await asyncio.shield(self._open())).pulse.goals

    async def _ooda(self) -> Ooda:
        return (await asyncio.shield(self._open())).pulse.ooda

    def _build_parts(self) -> BuildParts:
        from ruster.proactive.building import BuildParts

        parts = self._parts
        self._notices.open()
        return BuildParts(
            settings=self._settings.proactive,
            times=self._settings.scheduler,
            interval_s=self._settings.proactive_interval_secs,
            folder=self._paths.data,
            state=self._paths.state,
            inbox=parts.inbox,
            toolbox=parts.toolbox,
            web=parts.web,
            models=parts.models,
            maintenance=parts.maintenance,
            clock=parts.clock,
            questions=parts.approvals,
            disk=parts.disk,
            notices=self._notices.spoken,
        )


def _load() -> None:
    """Import what jobs need, beside what else the daemon does."""
    import ruster.proactive.building  # noqa: F401


class LateReminders:
    """Implements ``core.tool_ports.Reminders`` and ``core.tools.ToolCommands`` for reminders.

    ``services`` is asked for when it is first needed: jobs call tools, and tools make jobs.
    """

    def __init__(self, services: Callable[[], ProactiveServices]) -> None:
        self._services = services

    async def schedule(
        self, scope: TurnScope, when: str, text: str, *, as_task: bool = False
    ) -> str:
        service = await self._services().jobs()
        return await service.schedule(scope, when, text, as_task=as_task)

    async def answer(self, scope: TurnScope, text: str) -> Answered | None:
        if "mi" not in text[:40].lower():  # "remind me", "erinnere mich": all else goes on at once
            return None
        from ruster.proactive.spoken import SpokenReminders

        return await SpokenReminders(self._services().jobs).answer(scope, text)

    async def call(self, scope: TurnScope, text: str) -> ToolCall | None:
        return None


@dataclass(frozen=True, slots=True)
class ChainedCommands:
    """Implements ``core.tools.ToolCommands``: the first that answers a message does."""

    chain: tuple[ToolCommands, ...]

    async def answer(self, scope: TurnScope, text: str) -> Answered | None:
        for one in self.chain:
            if (found := await one.answer(scope, text)) is not None:
                return found
        return None

    async def call(self, scope: TurnScope, text: str) -> ToolCall | None:
        for one in self.chain:
            if (found := await one.call(scope, text)) is not None:
                return found
        return None
