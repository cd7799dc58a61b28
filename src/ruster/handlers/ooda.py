"""OODA cycles: ooda, ooda_list. For the daemon's own user and root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from ruster.core.clock import rfc3339
from ruster.core.ids import check_name
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, require_privilege
from ruster.proactive.ooda.cycle import Observation, Report
from ruster.proactive.ooda.service import Ooda, Wish
from ruster.protocol.commands import OodaCycle, OodaList
from ruster.protocol.events import ObservationSummary, OodaListing, OodaReport, OodaSummary
from ruster.sessions.store import SessionStore

__all__ = ["OodaHandlers"]


class OodaHandlers:
    """The commands about OODA cycles. ``ooda`` waits until they are at hand."""

    def __init__(self, store: SessionStore, ooda: Callable[[], Awaitable[Ooda]]) -> None:
        self._store = store
        self._ooda = ooda

    async def cycle(self, caller: Caller, command: OodaCycle) -> asyncio.Future[None]:
        """Go through one cycle; a model may be asked meanwhile."""
        require_privilege(caller, "go through OODA cycles")
        return spawn(self._cycle(caller, command), name="ooda", log_failure=False)

    async def _cycle(self, caller: Caller, command: OodaCycle) -> None:
        owner = caller.uid if command.owner is None else command.owner
        model = self._store.default_model
        if command.session_id is not None:  # it is open then, and its clients can be asked
            check_name(command.session_id)
            model = (await self._store.get(owner, command.session_id)).info.model
        wish = Wish(
            owner=owner,
            action=command.act,
            observations=tuple(
                Observation(it.source, it.key, it.value, it.severity) for it in command.observations
            ),
            goal_id=command.goal_id or "",
            session_id=command.session_id or "",
            model=model if command.model else "",
        )
        report = await (await self._ooda()).run(wish)
        caller.reply(OodaReport(**_members(report)), command)

    async def list(self, caller: Caller, command: OodaList) -> None:
        """Tell of the last cycles."""
        require_privilege(caller, "see OODA cycles")
        found = await (await self._ooda()).cycles(command.limit)
        caller.reply(OodaListing(cycles=[OodaSummary(**_members(it)) for it in found]), command)


def _members(report: Report) -> dict[str, Any]:
    return {
        "cycle_id": report.id,
        "timestamp": rfc3339(report.timestamp),
        "observations": [ObservationSummary(**asdict(it)) for it in report.observations],
        "orientation": report.orientation,
        "decision": report.decision.value,
        "action": report.action,
        "risk": report.risk.value,
        "approval_status": report.approval_status.value,
        "approval_token": report.approval_token,
        "goal_id": report.goal_id,
        "owner": report.owner,
        "outcome": report.outcome,
    }
