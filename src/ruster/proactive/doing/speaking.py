"""Actions that speak into a session: saying something, and having a message answered."""

from __future__ import annotations

from ruster.core.inbox import SessionInbox, Spoken, TurnEnd
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.jobs.actions import Prompt, Say
from ruster.proactive.jobs.job import Job
from ruster.proactive.telling import Notices

__all__ = ["PromptDoer", "SayDoer"]


class SayDoer:
    """Says something to everybody attached; who comes later hears it then."""

    can_repeat = True

    def __init__(self, inbox: SessionInbox, notices: Notices | None = None) -> None:
        self._inbox = inbox
        self._notices = notices

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        assert isinstance(job.action, Say)
        text = job.action.message
        heard = await self._inbox.tell(_spoken(job, text, key))
        if self._notices is not None:
            self._notices.said(job.title or job.id, text, key, failed=False, attended=heard)
        return Done("delivered" if heard else "kept for who attaches next")


class PromptDoer:
    """Has a message answered in a turn of the session."""

    can_repeat = True

    def __init__(self, inbox: SessionInbox) -> None:
        self._inbox = inbox

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        assert isinstance(job.action, Prompt)
        report = await self._inbox.ask(
            _spoken(job, job.action.message, key),
            max_tokens=bounds.max_tokens,
            timeout_s=bounds.timeout_s,
        )
        if report.end is TurnEnd.DONE:
            return Done(report.text, report.tokens)
        why = report.text or f"the turn ended: {report.end.value}"
        return Done(why, report.tokens, failed=True)


def _spoken(job: Job, text: str, key: str) -> Spoken:
    return Spoken(job.owner, job.session_id, text, f"job:{job.id}", key, job.origins)
