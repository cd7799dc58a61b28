"""Asking an address whether it answers as it should."""

from __future__ import annotations

import asyncio

from ruster.core.errors import ToolError
from ruster.core.ports import WebFetcher
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.jobs.actions import CheckHttp
from ruster.proactive.jobs.job import Job

__all__ = ["HttpDoer"]


class HttpDoer:
    """Sends a GET; addresses of this machine must be named in ``web.allow``."""

    can_repeat = False

    def __init__(self, web: WebFetcher) -> None:
        self._web = web

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        action = job.action
        assert isinstance(action, CheckHttp)
        try:
            async with asyncio.timeout(action.timeout_secs):
                answer = await self._web.fetch(action.url)
        except TimeoutError:
            why = f"{action.url} did not answer within {action.timeout_secs:g} s"
            raise ToolError(why, code="fetch_timeout") from None
        told = f"{action.url} answered {answer.status}"
        if answer.status != action.expected_status:
            return Done(f"{told}, not {action.expected_status}", failed=True)
        return Done(told)
