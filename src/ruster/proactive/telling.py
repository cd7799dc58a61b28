"""Telling the owner how a job went: a failure once, then ever less often, then that it works."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import structlog

from ruster.core.errors import RusterError
from ruster.core.inbox import SessionInbox, Spoken
from ruster.proactive.jobs.job import Job, Outcome, Receipt, State, Telling

__all__ = ["Notices", "Teller"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_FIRST_PAUSE_S = 3600.0
_LONGEST_PAUSE_S = 24 * 3600.0
_TEXT_CHARS = 2000
_BAD = (Outcome.FAILED, Outcome.INTERRUPTED)


class Notices(Protocol):
    """Where people are told who may not be attached anywhere."""

    def said(self, title: str, text: str, key: str, *, failed: bool, attended: bool) -> None:
        """Show what was said, if it is to be: ``attended`` if some client was told it too."""
        ...


class Teller:
    """Tells in the job's session, if it has one, and through ``notices``, if there are any."""

    def __init__(self, inbox: SessionInbox, notices: Notices | None = None) -> None:
        self._inbox = inbox
        self._notices = notices

    async def told(self, job: Job, state: State, receipt: Receipt, now: float) -> State:
        """Tell what is to be told of a receipt; return how the job stands then."""
        state = _counted(state, receipt)
        text = _text(job, state, receipt)
        if job.telling is Telling.NEVER or text is None or not _is_time(state, receipt, now):
            return _reset(state, receipt)
        failed = receipt.outcome is not Outcome.DONE
        await self._tell(job, receipt.key, text, failed=failed)
        if receipt.outcome in _BAD:
            state = replace(state, told=state.told + 1, told_at=now)
        return _reset(state, receipt)

    async def _tell(self, job: Job, key: str, text: str, *, failed: bool) -> None:
        heard = False
        if job.session_id:
            spoken = Spoken(
                job.owner, job.session_id, text, f"job:{job.id}", f"{key}/told", job.origins
            )
            try:
                heard = await self._inbox.tell(spoken)
            except RusterError as error:
                _log.warning("job_untold", job=job.id, why=error.message)
        if self._notices is not None:
            name = job.title or job.id
            self._notices.said(name, text, f"job/{job.id}", failed=failed, attended=heard)
        if failed:
            _log.warning("job_told", job=job.id, owner=job.owner, text=text)


def _counted(state: State, receipt: Receipt) -> State:
    if receipt.outcome in _BAD:
        return replace(state, failures=state.failures + 1)
    return state


def _reset(state: State, receipt: Receipt) -> State:
    """Begin anew after a success."""
    if receipt.outcome in (Outcome.DONE, Outcome.QUIET):
        return replace(state, failures=0, told=0, told_at=None)
    return state


def _text(job: Job, state: State, receipt: Receipt) -> str | None:
    """Return what to say of a receipt; None when there is nothing to say."""
    name = job.title or job.id
    message = receipt.message[:_TEXT_CHARS]
    if receipt.outcome is Outcome.MISSED:
        times = receipt.missed + 1
        return f"The job {name} was not done: {message} (due {times} times since)."
    if receipt.outcome in _BAD:
        again = f" ({state.failures} times in a row)" if state.failures > 1 else ""
        return f"The job {name} failed{again}: {message}"
    if receipt.outcome is Outcome.DONE and state.told:
        return f"The job {name} works again: {message}"
    if receipt.outcome is Outcome.DONE and job.telling is Telling.ALWAYS:
        return f"The job {name} is done: {message}"
    return None


def _is_time(state: State, receipt: Receipt, now: float) -> bool:
    """Whether a failure is to be told now: at once, then after one hour, two, four, up to a day."""
    if receipt.outcome not in _BAD or state.told_at is None or state.told_at > now:
        return True
    pause = min(_FIRST_PAUSE_S * float(2 ** min(state.told - 1, 10)), _LONGEST_PAUSE_S)
    return now - state.told_at >= pause
