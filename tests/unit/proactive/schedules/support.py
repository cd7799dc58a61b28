"""What the tests of schedules share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from ruster.core.errors import JobError

Value = TypeVar("Value")


def outcome(read: Callable[[], Value]) -> Value | str:
    """Return what was read, or the code of the JobError that was raised."""
    try:
        return read()
    except JobError as error:
        return error.code


def moment(zone: str, text: str, *, fold: int = 0) -> float:
    """Return when a clock shows ``text`` (ISO 8601 without an offset)."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def local(due: float | None, zone: str) -> str:
    """Return what the clock shows, with its offset."""
    assert due is not None
    return datetime.fromtimestamp(due, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S%z")
