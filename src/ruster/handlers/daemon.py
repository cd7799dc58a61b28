"""The daemon itself: ping, status, models."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruster.agent.budget import DayBudget
from ruster.core.clock import Clock
from ruster.core.ports import ChatModels
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller
from ruster.protocol.commands import Models, Ping, Status
from ruster.protocol.events import (
    LoadedModelSummary,
    ModelList,
    Pong,
    ProactiveSummary,
    StatusReport,
)
from ruster.sessions.store import SessionStore
from ruster.sessions.turns import TurnCounts
from ruster.version import __version__

if TYPE_CHECKING:
    from ruster.engine.status import ModelStatus

__all__ = ["DaemonHandlers", "DaemonView"]


@dataclass(frozen=True, slots=True)
class DaemonView:
    """What the daemon tells of itself."""

    store: SessionStore
    counts: TurnCounts
    clock: Clock
    started: float
    connections: Callable[[], int]
    local_models: Callable[[], Sequence[ModelStatus]]
    budget: DayBudget
    proactive: Callable[[], Awaitable[ProactiveSummary | None]]

    async def figures(self) -> dict[str, float]:
        """Return what can be watched as numbers, by the names of metrics."""
        return {
            "ruster_uptime_seconds": self.clock.monotonic() - self.started,
            "ruster_resident_memory_bytes": resident_bytes(),
            "ruster_connections": self.connections(),
            "ruster_sessions_open": self.store.open_count,
            "ruster_turns_running": self.counts.running,
            "ruster_turns_total": self.counts.total,
            "ruster_turns_failed_total": self.counts.failed,
            "ruster_tokens_total": self.counts.tokens,
            "ruster_tokens_today": self.budget.spent_today,
        }


class DaemonHandlers:
    """The commands about the daemon."""

    def __init__(self, view: DaemonView, models: ChatModels) -> None:
        self._view = view
        self._chat_models = models

    async def ping(self, caller: Caller, command: Ping) -> None:
        """Answer at once."""
        caller.reply(Pong(), command)

    async def status(self, caller: Caller, command: Status) -> None:
        """Tell how the daemon is."""
        view = self._view
        totals: dict[str, Any] = {
            "connections": view.connections(),
            "sessions_open": view.store.open_count,
            "turns_running": view.counts.running,
            "turns_total": view.counts.total,
            "turns_failed": view.counts.failed,
            "tokens_total": view.counts.tokens,
            "tokens_today": view.budget.spent_today,
            "tokens_per_day": view.budget.limit,
            "local_models": [_summary(model) for model in view.local_models()],
        }
        if caller.privileged:
            totals["proactive"] = await view.proactive()
        report = StatusReport(
            version=__version__,
            pid=os.getpid(),
            uptime_s=round(view.clock.monotonic() - view.started, 3),
            default_model=view.store.default_model,
            rss_bytes=resident_bytes(),
            uid=caller.uid,
            privileged=caller.privileged,
            **(totals if caller.privileged else {}),
        )
        caller.reply(report, command)

    async def models(self, caller: Caller, command: Models) -> asyncio.Future[None]:
        """List the models; providers are asked beside what else the client does."""
        return spawn(self._models(caller, command), name="list models")

    async def _models(self, caller: Caller, command: Models) -> None:
        listed = await self._chat_models.models()
        reply = ModelList(
            models=[
                {"id": m.id, "context_size": m.context_size, "size_bytes": m.size_bytes}
                for m in listed.models
            ],
            default=self._view.store.default_model,
            unreachable=dict(listed.missing),
        )
        caller.reply(reply, command)


def _summary(model: ModelStatus) -> LoadedModelSummary:
    return LoadedModelSummary(
        path=model.path,
        state=model.state.value,
        context_size=model.context_size,
        size_bytes=model.size_bytes,
        loads=model.loads,
        load_s=model.load_s,
    )


def resident_bytes() -> int:
    """Return this process's resident memory (the peak where the system tells no more)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
