"""The composition root: builds the daemon from its settings, starts it, stops it.

The only place that names concrete classes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import structlog

from ruster.agent.budget import DayBudget
from ruster.agent.metering import MeteredModels
from ruster.agent.turn import Agent
from ruster.config.live import LiveSettings
from ruster.config.loader import Loaded
from ruster.config.paths import Paths
from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import RusterError
from ruster.core.ports import Provider, SessionState
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.event_services import EventParts, EventServices
from ruster.gateway_services import GatewayNeeds, GatewayServices
from ruster.handlers.approval import ApprovalHandlers
from ruster.handlers.config import ConfigHandlers
from ruster.handlers.daemon import DaemonHandlers, DaemonView
from ruster.handlers.dispatcher import Dispatcher, UseCases
from ruster.handlers.doctor import Check, DoctorHandlers
from ruster.handlers.model import ModelHandlers
from ruster.handlers.session import SessionHandlers
from ruster.handlers.skill import SkillHandlers
from ruster.handlers.tool import ToolHandlers
from ruster.memory_services import MemoryServices
from ruster.model_services import ModelServices
from ruster.proactive_services import (
    ChainedCommands,
    LateReminders,
    ProactiveParts,
    ProactiveServices,
)
from ruster.protocol.codec import encode_event
from ruster.protocol.events import NoticeEvent
from ruster.server.listener import Listener
from ruster.server.systemd import ServiceNotifier
from ruster.sessions.answering import Answering
from ruster.sessions.conversing import Conversing
from ruster.sessions.inbox import Inbox
from ruster.sessions.session import SessionParts
from ruster.sessions.store import SessionStore
from ruster.sessions.turns import TurnCounts
from ruster.skill_services import build_skills, live_skill_settings, skill_folders
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.storage.locks import InstanceLock
from ruster.telemetry.log import Log
from ruster.tool_services import ToolParts, ToolServices
from ruster.trust.approval import Approval
from ruster.trust.trust import Trust, TrustParts
from ruster.trust.wire import approval_event

__all__ = ["Daemon", "Installation"]

_log = structlog.stdlib.get_logger("ruster.app")
_MAX_DESCRIPTORS = 65536


@dataclass(frozen=True)
class Installation:
    """What a daemon is built from. Tests replace ``disk`` and ``clock``, and add ``providers``."""

    loaded: Loaded
    paths: Paths
    environment: Mapping[str, str]
    log: Log | None = None
    disk: Disk = field(default_factory=Disk)
    clock: Clock = field(default_factory=SystemClock)
    providers: Mapping[str, Provider] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What several parts keep of sessions."""

    parts: tuple[SessionState, ...]

    async def forget(self, session_key: str) -> None:
        for part in self.parts:
            await part.forget(session_key)


class Daemon:
    """The running daemon: ``async with Daemon(installation) as daemon``.

    Entering returns when the socket is ready; raises StorageError (``already_running``) or
    SocketTaken. Leaving lets running answers finish for the configured time.
    """

    def __init__(self, installation: Installation) -> None:
        self._given = installation
        self._settings = installation.loaded.settings
        self._stack = AsyncExitStack()
        self.services = ModelServices(
            self._settings,
            installation.paths,
            installation.environment,
            installation.clock,
            installation.disk,
            installation.providers,
        )
        self._budget = DayBudget(
            installation.paths.state / "budget.json",
            self._settings.agent.day_tokens,
            installation.clock,
        )
        self._models = MeteredModels(self.services.models, self._budget)
        self.skills = build_skills(
            self._settings, installation.paths, self._models, installation.disk
        )
        self._committer = Committer(sync=self._settings.sessions.sync)
        self.trust = self._build_trust()
        self.memory = MemoryServices(
            self._settings,
            installation.paths,
            self.services.models,
            self._models,
            installation.clock,
            self._folder_of,
        )
        self.events = EventServices(
            self._settings.proactive.servers,
            installation.paths,
            EventParts(
                inbox=Inbox(lambda: self.store),
                notice=lambda *told: self.store.notice(*told),
                clock=installation.clock,
                disk=installation.disk,
            ),
        )
        self.tools = self._build_tools()
        self.proactive = self._build_proactive()
        self.store, counts = self._build_store()
        view = self._build_view(counts)
        self.gateway = self._build_gateway(view)
        self.listener = self._build_listener(view)
        self._notifier = ServiceNotifier(installation.environment)

    async def __aenter__(self) -> Daemon:
        async with AsyncExitStack() as stack:
            lock = InstanceLock(self._given.paths.state / "ruster.lock")
            stack.callback(lock.release)
            stack.push_async_callback(self.services.aclose)
            stack.push_async_callback(self.tools.aclose)
            stack.push_async_callback(self.memory.aclose)
            stack.push_async_callback(self.proactive.aclose)
            stack.push_async_callback(self._committer.aclose)
            await self.trust.open()
            stack.callback(self.trust.close)
            _allow_many_descriptors()
            stack.push_async_callback(self.events.aclose)
            await self.listener.start()
            stack.push_async_callback(self.gateway.aclose)
            self.skills.library.start()
            self.tools.start()
            stack.push_async_callback(self.skills.library.aclose)
            stack.push_async_callback(self._close)
            self._stack = stack.pop_all()
        self._resuming = spawn(self._resume(), name="resume sessions")
        self._notifier.ready()
        self.proactive.start()
        self.events.start()
        self.gateway.start()
        _log.info("ready", socket=str(self._settings.socket_path), pid=os.getpid())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _close(self) -> None:
        """Stop in order: no new clients and jobs, running answers end, all is closed."""
        _log.info("stopping")
        await self._notifier.stopping()
        self.listener.stop_accepting()
        await cancel_and_wait(self._resuming)
        await self.events.aclose()
        await self.proactive.aclose()  # what it has begun goes on after the next start
        self.listener.broadcast(
            encode_event(NoticeEvent(code="shutting_down", message="the daemon is stopping"))
        )
        patience_s = self._settings.shutdown_patience_s
        await asyncio.gather(self.gateway.drain(patience_s), self.store.aclose(patience_s))
        await self.gateway.aclose()
        await self.listener.aclose()
        _log.info("stopped")

    async def _resume(self) -> None:
        """Go on where the last daemon was stopped: questions are withdrawn, answers given."""
        for question, withdrawn in self.trust.withdrawn:
            with contextlib.suppress(RusterError):  # the session is gone
                session = await self.store.get(question.owner, question.session_id)
                session.tell(withdrawn, question.turn)
        await self.store.resume_recent()

    def _build_trust(self) -> Trust:
        given = self._given

        def show(approval: Approval) -> None:
            asked = approval.question
            if asked.session_id:  # else only who watches all questions is shown it
                self.store.tell(asked.owner, asked.session_id, approval_event(approval), asked.turn)

        return Trust(
            TrustParts(
                settings=self._settings.trust,
                config=given.paths.config,
                state=given.paths.state,
                protected=given.paths.own,
                disk=given.disk,
                committer=self._committer,
                clock=given.clock,
                show=show,
                readable=tuple(it.path for it in self._settings.tools.folders),
            )
        )

    def _build_tools(self) -> ToolServices:
        conversing = Conversing(lambda: self.store)
        parts = ToolParts(
            clock=self._given.clock,
            policy=self.trust.policy,
            approver=self.trust.approver,
            skills=self.skills,
            conversation=conversing,
            asker=conversing,
            memory=self.memory.late if self._settings.memory.enabled else None,
            reminders=LateReminders(lambda: self.proactive),
            protected=self._given.paths.own,
            sources=(self.events,),
        )
        return ToolServices(self._settings, parts)

    def _build_proactive(self) -> ProactiveServices:
        rounds = self.memory.rounds
        maintenance = {"unload-models": self.services.unload}
        if self._settings.memory.enabled:
            maintenance |= {"memory-promote": rounds.promote, "memory-vacuum": rounds.vacuum}
        parts = ProactiveParts(
            inbox=Inbox(lambda: self.store),
            toolbox=self.tools.registry,
            web=self.tools.web,
            models=self._models,
            maintenance=maintenance,
            approvals=self.trust.approvals,
            attended=lambda key: self.store.is_attended(key),
            environment=self._given.environment,
            clock=self._given.clock,
            disk=self._given.disk,
        )
        return ProactiveServices(self._settings, self._given.paths, parts)

    def _folder_of(self, session_key: str) -> Path:
        owner, _, session_id = session_key.partition("/")
        return self.store.folder_of(int(owner), session_id)

    def _build_store(self) -> tuple[SessionStore, TurnCounts]:
        given, settings, counts = self._given, self._settings, TurnCounts()
        agent = Agent(
            models=self._models,
            tools=self.tools.registry,
            settings=settings.agent,
            clock=given.clock,
            skills=self.skills,
            commands=ChainedCommands((self.tools.texts, LateReminders(lambda: self.proactive))),
            memory=self.memory.late,
        )
        parts = SessionParts(
            agent=agent,
            committer=self._committer,
            disk=given.disk,
            clock=given.clock,
            settings=settings.sessions,
            counts=counts,
            state=_Kept((self.services, self.trust, self.memory.late, self.proactive, self.events)),
        )
        model = settings.default_model
        return SessionStore(given.paths.sessions, os.geteuid(), model, parts), counts

    def _build_gateway(self, view: DaemonView) -> GatewayServices:
        needs = GatewayNeeds(
            models=self._models,
            agents=Answering(lambda: self.store),
            counts=view.figures,
            default_model=lambda: self.store.default_model,
            is_here=self.services.is_here,
            reading=self.services.models,
            full_name=self._full_name,
            engine=self.services,
            dispatcher=lambda: self._dispatcher,
            clock=self._given.clock,
            disk=self._given.disk,
        )
        return GatewayServices(self._settings.gateway, self._given.paths, needs)

    def _full_name(self, name: str) -> str:
        """Return a model's full name: a short one is of the default model's provider."""
        if "/" in name:
            return self.services.full_name(name)
        return f"{self.store.default_model.partition('/')[0]}/{name}"

    def _build_view(self, counts: TurnCounts) -> DaemonView:
        return DaemonView(
            store=self.store,
            counts=counts,
            clock=self._given.clock,
            started=self._given.clock.monotonic(),
            connections=lambda: self.listener.connections,
            local_models=self.services.loaded,
            budget=self._budget,
            proactive=self.proactive.summary,
        )

    def _build_listener(self, view: DaemonView) -> Listener:
        settings = self._settings
        live = self._live_settings()
        cases = UseCases(
            session=SessionHandlers(self.store, self.services.is_here),
            daemon=DaemonHandlers(view, self.services.models),
            doctor=DoctorHandlers(self._checks),
            config=ConfigHandlers(live),
            model=ModelHandlers(self.services.store),
            approval=ApprovalHandlers(self.trust.approvals),
            skill=SkillHandlers(self.store, self.skills, live),
            tool=ToolHandlers(self.store, self.tools.registry),
            memory=lambda: self.memory.handlers(self.store, self.tools.pages),
            proactive=lambda: self.proactive.handlers(self.store),
            server=lambda: self.events.handlers(self.store),
            gateway=self.gateway.handlers,
        )
        self._dispatcher = Dispatcher(cases)
        return Listener(settings.socket_path, settings.server, self._dispatcher, os.geteuid())

    def _checks(self) -> Mapping[str, Check]:
        """Return what a doctor looks at, imported when one is asked for."""
        from ruster.checks.table import CheckParts, build_checks

        given, services = self._given, self.services
        parts = CheckParts(
            loaded=given.loaded,
            paths=given.paths,
            environment=given.environment,
            disk=given.disk,
            models=services.models,
            default_model=lambda: self.store.default_model,
            first_download=services.first_download,
            engine=lambda: services.engine,
            trust=self.trust,
            library=self.skills.library,
            meaning=self.memory.meaning,
            skill_folders=skill_folders(self._settings, given.paths),
            gateway=self.gateway.check,
        )
        return build_checks(parts)

    def _live_settings(self) -> LiveSettings:
        """Say which settings take effect without a restart."""
        given = self._given

        def set_default_model(model: str) -> None:
            self.store.default_model = model

        def set_log_level(level: str) -> None:
            if given.log is not None:
                given.log.set_level(level)

        apply = {
            "default_model": set_default_model,
            "log_level": set_log_level,
            **live_skill_settings(self.skills),
        }
        return LiveSettings(given.loaded, given.paths, given.disk, apply)


def _allow_many_descriptors() -> None:
    """Raise the soft limit of open files: every client and open session needs some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
