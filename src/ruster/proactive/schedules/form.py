"""The form of a time that a model fills in, and what is taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ruster.core.errors import JobError
from ruster.proactive.schedules.cron import parse_cron, shortest_gap
from ruster.proactive.schedules.schedule import At, Every, Schedule
from ruster.proactive.schedules.wall import LATEST, moment_of, zone_of
from ruster.proactive.schedules.words import EXAMPLES

__all__ = ["FORM", "schedule_from"]

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
_LEAST_S = 60
_LONGEST_S = 100 * 366 * 86_400
_NUMBERS = {
    "year": (0, 8999),
    "month": (0, 12),
    "day": (-1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "amount": (0, 1_000_000),
}

FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["at", "after", "every", "cron", "none"]},
        **{name: {"type": "integer"} for name in _NUMBERS},
        "unit": {"type": "string", "enum": list(_UNITS)},
        "weekdays": {
            "type": "array",
            "items": {"type": "string", "enum": list(_WEEKDAYS)},
            "maxItems": 7,
        },
    },
    "required": ["kind", *_NUMBERS, "unit", "weekdays"],
    "additionalProperties": False,
}
"""The JSON schema of an answer."""


def schedule_from(form: Mapping[str, Any], now: float, zone: str) -> Schedule:
    """Return what a form says; raises JobError (``when_invalid``, ``when_past``, ``job_limit``)."""
    kind = form.get("kind")
    if kind == "none":
        raise _invalid("it says no time that can be kept")
    if kind == "at":
        return _at(form, now, zone)
    if kind == "after":
        return At(_coming(now + _seconds(form), now), relative=True)
    if kind == "every":
        return _often(Every(_seconds(form), now))
    if kind == "cron":
        return _often(parse_cron(_expression(form), zone))
    raise _invalid("the model filled in no kind")


def _at(form: Mapping[str, Any], now: float, zone: str) -> At:
    day = (_number(form, "year"), _number(form, "month"), _number(form, "day"))
    try:
        wall = datetime(*day, _number(form, "hour"), _number(form, "minute"))
        return At(_coming(moment_of(wall, zone_of(zone)), now))
    except ValueError:
        raise _invalid("the model filled in a date that does not exist") from None


def _expression(form: Mapping[str, Any]) -> str:
    hour, minute = _number(form, "hour"), _number(form, "minute")
    month, day = _number(form, "month"), _number(form, "day")
    weekdays = form.get("weekdays", [])
    if not isinstance(weekdays, list) or not set(map(str, weekdays)) <= set(_WEEKDAYS):
        raise _invalid("the model filled in days that are none")
    if (weekdays and day) or (month and not day):
        raise _invalid("the model filled in days that contradict each other")
    names = ",".join(it for it in _WEEKDAYS if it in weekdays) or "*"
    days = "L" if day == -1 else str(day or "*")
    return f"{minute} {hour} {days} {month or '*'} {names}"


def _seconds(form: Mapping[str, Any]) -> int:
    unit = form.get("unit")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise _invalid("the model filled in no unit of time")
    seconds = _number(form, "amount") * _UNITS[unit]
    if not 1 <= seconds <= _LONGEST_S:
        raise _invalid("the model filled in no amount of time up to a hundred years")
    return seconds


def _number(form: Mapping[str, Any], name: str) -> int:
    value = form.get(name, 0)
    low, high = _NUMBERS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _invalid(f"the model filled in no {name} from {low} to {high}")
    return value


def _often(schedule: Schedule) -> Schedule:
    if shortest_gap(schedule) < _LEAST_S:
        raise JobError("it would come more often than once a minute", code="job_limit")
    return schedule


def _coming(due: float, now: float) -> float:
    if due <= now:
        raise JobError(f"that is over already; say a time like {EXAMPLES}", code="when_past")
    if due >= LATEST:
        raise _invalid("it is beyond the calendar")
    return due


def _invalid(reason: str) -> JobError:
    return JobError(f"{reason}. Say a time like {EXAMPLES}", code="when_invalid")
