"""What is amiss: doctor. For the daemon's own user and root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ruster.core.errors import RusterError
from ruster.core.findings import Finding
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, require_privilege
from ruster.protocol.commands import Doctor
from ruster.protocol.events import DoctorCheck, DoctorReport

__all__ = ["Check", "DoctorHandlers"]

_log = structlog.stdlib.get_logger("ruster.doctor")
_PATIENCE_S = 15.0

Check = Callable[[], Awaitable[Finding]]
"""Looks at one thing. A RusterError it raises is told as a warning."""


class DoctorHandlers:
    """The check-up; ``checks`` returns them by the name they are told under, in order.

    It may import what they need: it is called in a thread, once they are asked for.
    """

    def __init__(
        self, checks: Callable[[], Mapping[str, Check]], *, patience_s: float = _PATIENCE_S
    ) -> None:
        self._checks = checks
        self._patience_s = patience_s

    async def doctor(self, caller: Caller, command: Doctor) -> asyncio.Future[None]:
        """Look at everything, beside what else the client does."""
        require_privilege(caller, "ask for a check-up")
        return spawn(self._report(caller, command), name="doctor")

    async def _report(self, caller: Caller, command: Doctor) -> None:
        listed = await asyncio.to_thread(self._checks)
        tasks = {
            name: spawn(_call(check), name=f"check {name}", log_failure=False)
            for name, check in listed.items()
        }
        try:
            await asyncio.wait(tasks.values(), timeout=self._patience_s)
            checks = [_told(name, self._found(name, task)) for name, task in tasks.items()]
        finally:
            # Not waited for: what has not come until now may be deaf to this as well.
            for task in tasks.values():
                task.cancel()
        caller.reply(DoctorReport(checks=checks), command)

    def _found(self, name: str, task: asyncio.Task[Finding]) -> Finding:
        if not task.done() or task.cancelled():
            return Finding("warning", f"no result came within {self._patience_s:g} s")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, RusterError):
            return Finding("warning", error.message)
        _log.error("check failed", check=name, exc_info=error)
        return Finding("warning", "the check itself failed; the log has the details")


async def _call(check: Check) -> Finding:
    return await check()


def _told(name: str, finding: Finding) -> DoctorCheck:
    return DoctorCheck(name=name, status=finding.health, detail=finding.detail, hint=finding.hint)
