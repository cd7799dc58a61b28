"""Letting parts of ruster look after themselves, and writing into the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from ruster.core.errors import JobError
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.jobs.actions import EmitLog, Maintain
from ruster.proactive.jobs.job import Job

__all__ = ["LogDoer", "Maintenance", "UpkeepDoer"]

Maintenance = Callable[[], Awaitable[str]]
"""Does what a part of ruster needs now and then, and says in a sentence what that was."""

_log = structlog.stdlib.get_logger("ruster.proactive")


class UpkeepDoer:
    """Calls parts by their names."""

    can_repeat = False

    def __init__(self, parts: Mapping[str, Maintenance]) -> None:
        self._parts = parts

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        assert isinstance(job.action, Maintain)
        part = self._parts.get(job.action.part)
        if part is None:
            raise JobError(
                f"ruster has no part {job.action.part!r}; it has {', '.join(self._parts)}",
                code="job_invalid",
            )
        return Done(await part())


class LogDoer:
    """Writes a line into the log."""

    can_repeat = False

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        assert isinstance(job.action, EmitLog)
        _log.info("job_says", job=job.id, owner=job.owner, message=job.action.message)
        return Done(job.action.message)
