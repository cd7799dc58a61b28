"""Looking at what jobs watch, without any model."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.errors import JobError, RusterError
from ruster.core.ports import WebFetcher
from ruster.proactive.jobs.conditions import Condition, ConditionKind

__all__ = ["Seen", "Watcher"]

_PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen: ``memo`` is kept for the next look; ``acts`` when the action is to be run."""

    acts: bool
    memo: str
    text: str


class Watcher:
    """Looks at conditions."""

    def __init__(self, web: WebFetcher, clock: Clock) -> None:
        self._web = web
        self._clock = clock

    async def look(self, condition: Condition, memo: str) -> Seen:
        """Look once more; ``memo`` is what the last look left. Raises JobError."""
        if condition.kind is ConditionKind.HTTP_NOT:
            holds, text = await self._asked(condition)
            return _turned(memo, text, holds=holds)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                holds, text, mark = await asyncio.to_thread(self._looked, condition)
        except TimeoutError:
            raise JobError(
                f"looking at {condition.path} took too long", code="job_invalid"
            ) from None
        except OSError as error:
            raise JobError(
                f"cannot look at {condition.path}: {error}", code="job_invalid"
            ) from error
        if condition.kind is ConditionKind.FILE_CHANGED:
            return Seen(bool(memo) and mark != memo, mark, text)
        return _turned(memo, text, holds=holds)

    async def _asked(self, condition: Condition) -> tuple[bool, str]:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._web.fetch(condition.path)
        except TimeoutError:
            return True, f"{condition.path} does not answer"
        except RusterError as error:
            if error.code in ("url_refused",):
                raise
            return True, f"{condition.path}: {error.message}"
        text = f"{condition.path} answered {answer.status}"
        return answer.status != condition.amount, text

    def _looked(self, condition: Condition) -> tuple[bool, str, str]:
        """Look at a file or disk (blocks): whether it holds, in words, and its mark."""
        path, kind = Path(condition.path), condition.kind
        if kind is ConditionKind.DISK_BELOW:
            free = shutil.disk_usage(path).free
            return free < condition.amount, f"{free} bytes are free at {path}", ""
        try:
            status = path.stat()
        except FileNotFoundError:
            missing = kind in (ConditionKind.FILE_MISSING, ConditionKind.FILE_OLDER)
            return missing, f"{path} is not there", "missing"
        mark = f"{status.st_mtime_ns}/{status.st_size}"
        age_s = self._clock.now() - status.st_mtime
        if kind is ConditionKind.FILE_OLDER:
            return age_s > condition.amount, f"{path} is {round(age_s)} s old", mark
        text = f"{path} is there" if kind is ConditionKind.FILE_EXISTS else f"{path} has changed"
        return kind is ConditionKind.FILE_EXISTS, text, mark


def _turned(memo: str, text: str, *, holds: bool) -> Seen:
    """Act when a condition becomes true, and not again before it was false."""
    return Seen(holds and memo != "true", "true" if holds else "false", text)
