"""The tool that tells the time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from ruster.core.clock import Clock
from ruster.core.tools import Outcome, TurnScope
from ruster.tools.typed import Arguments, TypedTool, WrongUse

__all__ = ["TimeNow"]


class _TimeArguments(Arguments):
    timezone: str | None = Field(default=None, max_length=64)
    """Such as Europe/Berlin; the user's if left out."""


class TimeNow(TypedTool[_TimeArguments]):
    """Tell the date and time."""

    name = "time_now"
    takes = _TimeArguments
    main = "timezone"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def call(self, arguments: _TimeArguments, scope: TurnScope) -> Outcome:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        try:
            zone = ZoneInfo(arguments.timezone) if arguments.timezone is not None else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise WrongUse(
                f"there is no time zone {arguments.timezone!r}", "use a name such as Europe/Berlin"
            ) from None
        local = now.astimezone(zone)
        return Outcome(f"{local.isoformat(timespec='seconds')} {local:%A}")
