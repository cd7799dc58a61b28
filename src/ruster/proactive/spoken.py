"""Reminders said in a conversation: "remind me in 20 minutes to …" needs no model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from ruster.core.errors import JobError
from ruster.core.messages import ToolCall
from ruster.core.tools import Answered, TurnScope
from ruster.proactive.service import JobService

__all__ = ["SpokenReminders"]

_MAYBE = re.compile(r"\s*(?:please[, ]|bitte[, ])?\s*(?:remind me|erinnere? mich)\b", re.IGNORECASE)
_MAX_CHARS = 500


class SpokenReminders:
    """Implements ``core.tools.ToolCommands`` for what a person says, and nobody else."""

    def __init__(self, service: Callable[[], Awaitable[JobService]]) -> None:
        self._service = service

    async def answer(self, scope: TurnScope, text: str) -> Answered | None:
        """Keep the reminder that a message is, and say so; None for any other message."""
        if scope.surface != "socket" or len(text) > _MAX_CHARS or not _MAYBE.match(text):
            return None
        service = await self._service()
        try:
            found = service.reminder(text)
        except JobError:
            return None  # a model may understand it
        if found is None:
            return None
        schedule, what = found
        try:
            job, _ = await service.remind(scope, schedule, what)
        except JobError as error:
            return Answered(error.message)
        return Answered(f"I will remind you {service.words(schedule)}: {what}\n({job.id})")

    async def call(self, scope: TurnScope, text: str) -> ToolCall | None:
        """Return None: models have a tool for it."""
        return None
