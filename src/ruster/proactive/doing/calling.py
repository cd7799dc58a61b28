"""Calling a tool for a job: as the policy lets it, like any other call in its session."""

from __future__ import annotations

from ruster.core.errors import ToolError
from ruster.core.inbox import SessionInbox
from ruster.core.messages import ToolCall
from ruster.core.tools import Toolbox
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.jobs.actions import CallTool
from ruster.proactive.jobs.job import Job

__all__ = ["ToolDoer"]


class ToolDoer:
    """Calls tools; what needs approval waits for it only when somebody is there to give it."""

    can_repeat = False

    def __init__(self, inbox: SessionInbox, toolbox: Toolbox) -> None:
        self._inbox = inbox
        self._toolbox = toolbox

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        action = job.action
        assert isinstance(action, CallTool)
        scope = await self._inbox.scope(job.owner, job.session_id)
        scope.taint.origins.update(job.origins)
        call = ToolCall(key, action.tool, dict(action.arguments))
        outcome = await self._toolbox.run(scope, call)
        if outcome.failed:
            raise ToolError(outcome.text, origin=outcome.origin)
        return Done(outcome.text)
