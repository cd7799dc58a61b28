"""Schedules and their arithmetic: what is due next, and what was missed.

Moments are seconds since the epoch. A schedule is a value; who keeps it writes it as a record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ruster.core.errors import JobError
from ruster.proactive.schedules.dues import next_cron_due
from ruster.proactive.schedules.fields import parse_fields
from ruster.proactive.schedules.wall import LATEST, zone_of

__all__ = [
    "At",
    "Cron",
    "Every",
    "Missed",
    "Schedule",
    "from_record",
    "local_zone",
    "missed",
    "next_due",
    "to_record",
]

_MAX_COUNT = 10_000
_LONGEST_S = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class At:
    """Once, at ``due``; ``relative`` when it was meant from the moment it was said."""

    due: float
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """At ``anchor + k * seconds`` for every whole k; ``seconds`` is 1 or more."""

    seconds: int
    anchor: float


@dataclass(frozen=True, slots=True)
class Cron:
    """By the clock of ``zone`` (an IANA name); ``schedules.fields`` reads the expression."""

    expression: str
    zone: str


Schedule = At | Every | Cron


@dataclass(frozen=True, slots=True)
class Missed:
    """How many dues went by, and the last of them; not ``exact``: at least so many."""

    count: int
    last: float | None
    exact: bool


def next_due(schedule: Schedule, after: float) -> float | None:
    """Return the first due strictly after ``after``; None when never again.

    Raises JobError for a cron expression or a zone that ``from_record`` would not have taken.
    """
    if isinstance(schedule, At):
        return schedule.due if schedule.due > after else None
    if isinstance(schedule, Every):
        due = _due(schedule, _passed(schedule, after) + 1)
        return due if due < LATEST else None
    return next_cron_due(schedule.expression, zone_of(schedule.zone), after)


def missed(schedule: Schedule, after: float, until: float) -> Missed:
    """Return the dues in (after, until]; those of a cron are counted up to 10,000."""
    if until <= after:
        return Missed(0, None, exact=True)
    if isinstance(schedule, At):
        due = next_due(schedule, after)
        return Missed(0, None, exact=True) if due is None or due > until else Missed(1, due, True)
    if isinstance(schedule, Every):
        before, upto = _passed(schedule, after), _passed(schedule, until)
        return Missed(upto - before, _due(schedule, upto) if upto > before else None, exact=True)
    return _missed_cron(schedule, after, until)


def to_record(schedule: Schedule) -> dict[str, Any]:
    """Write a schedule as a JSON object."""
    if isinstance(schedule, At):
        return {"kind": "at", "due": schedule.due, "relative": schedule.relative}
    if isinstance(schedule, Every):
        return {"kind": "every", "seconds": schedule.seconds, "anchor": schedule.anchor}
    return {"kind": "cron", "expression": schedule.expression, "zone": schedule.zone}


def from_record(mapping: Mapping[str, Any]) -> Schedule:
    """Read what ``to_record`` wrote; raises JobError (``job_invalid``)."""
    kind = mapping.get("kind")
    if kind == "at":
        relative = mapping.get("relative", False)
        if not isinstance(relative, bool):
            raise _invalid("relative", "true or false")
        return At(_moment(mapping, "due"), relative)
    if kind == "every":
        seconds = mapping.get("seconds")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            raise _invalid("seconds", "a whole number")
        if not 1 <= seconds <= _LONGEST_S:
            raise _invalid("seconds", f"from 1 to {_LONGEST_S}")
        return Every(seconds, _moment(mapping, "anchor"))
    if kind == "cron":
        return _cron(mapping.get("expression"), mapping.get("zone"))
    raise _invalid("kind", "at, every or cron")


def local_zone() -> str:
    """Return the IANA name of the machine's zone; UTC when it has none that can be told."""
    from tzlocal import get_localzone_name

    try:
        name = get_localzone_name()
        return ZoneInfo(name).key if name else "UTC"
    except (LookupError, ValueError, OSError):
        return "UTC"


def _due(every: Every, number: int) -> float:
    return every.anchor + number * every.seconds


def _passed(every: Every, moment: float) -> int:
    """Return how many dues are not after a moment."""
    number = math.floor((moment - every.anchor) / every.seconds)
    # A float may have been rounded either way.
    while _due(every, number) > moment:
        number -= 1
    while _due(every, number + 1) <= moment:
        number += 1
    return number


def _missed_cron(schedule: Cron, after: float, until: float) -> Missed:
    count, moment = 0, next_due(schedule, after)
    last = None
    while moment is not None and moment <= until and count < _MAX_COUNT:
        count, last = count + 1, moment
        moment = next_due(schedule, moment)
    if moment is None or moment > until:
        return Missed(count, last, exact=True)
    return Missed(count, _last_cron(schedule, int(moment), until), exact=False)


def _last_cron(schedule: Cron, due: int, until: float) -> float:
    """Return the last due that is not after ``until``; ``due`` is one of them."""
    low, high = due - 1, math.floor(until)
    # The last due is the first moment after which the next one is too late.
    while high - low > 1:
        middle = (low + high) // 2
        coming = next_due(schedule, middle)
        if coming is None or coming > until:
            high = middle
        else:
            low = middle
    return float(high)


def _cron(expression: object, zone: object) -> Cron:
    if not isinstance(expression, str) or not isinstance(zone, str):
        raise _invalid("expression and zone", "texts")
    try:
        parse_fields(expression)
        zone_of(zone)
    except JobError as error:
        raise JobError(error.message, code="job_invalid") from None
    return Cron(expression, zone)


def _moment(mapping: Mapping[str, Any], name: str) -> float:
    value = mapping.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _invalid(name, "a number of seconds since the epoch")
    if not 0 <= value < LATEST:
        raise _invalid(name, "seconds since the epoch, before the year 9000")
    return float(value)


def _invalid(name: str, allowed: str) -> JobError:
    return JobError(f"{name} of a schedule must be {allowed}", code="job_invalid")
