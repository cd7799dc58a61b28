"""Cron schedules from what a person wrote, and how near to each other dues can come."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise, product

from ruster.proactive.schedules.fields import CronFields, parse_fields
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule
from ruster.proactive.schedules.wall import zone_of

__all__ = ["parse_cron", "shortest_gap"]

_DAY_S = 86_400
# Weekdays fall on the same dates again after 28 years, and on all they can within that time.
_FIRST_YEAR, _YEARS = 2001, 29


def parse_cron(expression: str, zone: str) -> Cron:
    """Return the schedule of an expression of five or six fields or a name such as ``@daily``.

    Raises JobError: ``when_invalid`` names the field and what it may hold, ``when_past`` says that
    such a day never comes.
    """
    parse_fields(expression)
    zone_of(zone)
    return Cron(" ".join(expression.split()), zone)


def shortest_gap(schedule: Schedule) -> float:
    """Return the least seconds between two dues; infinite for what comes once.

    Changes of the clock, which bring dues nearer to each other once a year, are left out.
    """
    if isinstance(schedule, At):
        return math.inf
    if isinstance(schedule, Every):
        return float(schedule.seconds)
    fields = parse_fields(schedule.expression)
    within, first, last = _within_a_day(fields)
    if within == 1:
        return 1.0
    overnight = _days_between(fields) * _DAY_S + first - last
    return float(min(within, overnight))


def _within_a_day(fields: CronFields) -> tuple[float, int, int]:
    """Return the least distance between two times of a day, the first and the last of them."""
    least: float = math.inf
    for earlier, later in pairwise(_times(fields)):
        least = min(least, later - earlier)
        if least == 1:
            break
    first = fields.hours[0] * 3600 + fields.minutes[0] * 60 + fields.seconds[0]
    last = fields.hours[-1] * 3600 + fields.minutes[-1] * 60 + fields.seconds[-1]
    return least, first, last


def _times(fields: CronFields) -> Iterator[int]:
    for hour, minute, second in product(fields.hours, fields.minutes, fields.seconds):
        yield hour * 3600 + minute * 60 + second


def _days_between(fields: CronFields) -> float:
    least: float = math.inf
    for earlier, later in pairwise(_dates(fields)):
        least = min(least, (later - earlier).days)
        if least == 1:
            break
    return least


def _dates(fields: CronFields) -> Iterator[date]:
    for year, month in product(range(_FIRST_YEAR, _FIRST_YEAR + _YEARS), fields.months):
        day = date(year, month, 1)
        while day.month == month:
            if _matches(fields, day):
                yield day
            day += timedelta(days=1)


def _matches(fields: CronFields, day: date) -> bool:
    by_weekday = day.weekday() in fields.weekdays
    is_last = (day + timedelta(days=1)).day == 1
    by_number = day.day in fields.days or (fields.last_day and is_last)
    return by_weekday or by_number if fields.either else by_weekday and by_number
