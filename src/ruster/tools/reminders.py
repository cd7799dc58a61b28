"""The tool that has something done later: ``schedule``."""

from __future__ import annotations

from pydantic import Field

from ruster.core.errors import JobError, ToolError
from ruster.core.tool_ports import Reminders
from ruster.core.tools import Effect, Outcome, Risk, TurnScope
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["Schedule"]


class _ScheduleArguments(Arguments):
    when: str = Field(min_length=1, max_length=200)
    """Such as "in 20 minutes", "every weekday at 8:30", or a cron line."""
    text: str = Field(min_length=1, max_length=8192)
    """What to say or do then."""
    as_task: bool = False
    """Do it then, as if the user asked for it; else it is only said."""


class Schedule(TypedTool[_ScheduleArguments]):
    """Remind the user of something, or do it, at a later time."""

    name = "schedule"
    takes = _ScheduleArguments
    effects = frozenset({Effect.WRITES})
    risk = Risk.MEDIUM

    def __init__(self, reminders: Reminders) -> None:
        self._reminders = reminders

    async def call(self, arguments: _ScheduleArguments, scope: TurnScope) -> Outcome:
        try:
            due = await self._reminders.schedule(
                scope, arguments.when, arguments.text, as_task=arguments.as_task
            )
        except JobError as error:
            raise ToolError(error.message, code=error.code) from error
        return Outcome(f"kept: {due}")
