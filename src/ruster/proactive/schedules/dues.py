"""When a cron expression is due: calendar arithmetic by APScheduler, the clock's changes by us.

APScheduler counts on a wall calendar without zones here, and only what matches is given to it as
numbers. Its own reading of an expression takes 0 for Monday and never means "day or weekday"; its
own way through a change of the clock repeats times of the day, or drops them. Ours: a time of the
day in a gap is due once, at the first moment after it; one that the clock shows twice is due the
first time. With every hour matching it is due whenever the clock shows a time that matches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ruster.proactive.schedules.fields import CronFields, parse_fields
from ruster.proactive.schedules.wall import (
    LATEST,
    after_gap,
    first_moment,
    gap_end,
    is_gap,
    is_repeated,
    overlap_end,
    overlap_start,
    second_moment,
    wall_of,
)

__all__ = ["next_cron_due"]

_SECOND = timedelta(seconds=1)
_Mapping = Callable[[datetime, tzinfo], float]


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The wall times that match, whatever the zone."""

    trigger: Any
    any_hour: bool

    def at_or_after(self, wall: datetime) -> datetime | None:
        found = self.trigger.get_next_fire_time(None, wall.replace(tzinfo=UTC))
        return None if found is None else found.replace(tzinfo=None)


def next_cron_due(expression: str, zone: tzinfo, after: float) -> float | None:
    """Return the first due strictly after ``after``, a whole second; None when never again."""
    if after >= LATEST:
        return None
    calendar = _calendar(expression)
    wall = wall_of(max(float(int(after)) if after >= 0 else -1.0, -1.0), zone)
    later = wall.replace(fold=0, microsecond=0) + _SECOND
    repeated = is_repeated(wall, zone)
    if not calendar.any_hour:
        start = overlap_end(wall, zone) if repeated and wall.fold else later
        return _due(calendar, start, zone, first_moment)
    if not repeated:
        return _due(calendar, later, zone, first_moment)
    if wall.fold:
        starts = (overlap_end(wall, zone), first_moment), (later, second_moment)
    else:
        starts = (later, first_moment), (overlap_start(wall, zone), second_moment)
    found = [_due(calendar, start, zone, mapping) for start, mapping in starts]
    return min((it for it in found if it is not None), default=None)


def _due(calendar: _Calendar, start: datetime, zone: tzinfo, mapping: _Mapping) -> float | None:
    """Return the moment of the first match from ``start`` on."""
    wall = calendar.at_or_after(start)
    while wall is not None and is_gap(wall, zone):
        if not calendar.any_hour:
            return gap_end(wall, zone)
        wall = calendar.at_or_after(after_gap(wall, zone).replace(fold=0))
    return None if wall is None else mapping(wall, zone)


@lru_cache(maxsize=256)
def _calendar(expression: str) -> _Calendar:
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    fields = parse_fields(expression)
    parts = [_spread(fields.days, 31) if fields.days else "", "last" if fields.last_day else ""]
    days, weekdays = ",".join(filter(None, parts)), _spread(fields.weekdays, 7)
    ways = [(days, "*"), ("*", weekdays)] if fields.either else [(days, weekdays)]
    triggers = [_trigger(CronTrigger, fields, day, weekday) for day, weekday in ways]
    trigger = triggers[0] if len(triggers) == 1 else OrTrigger(triggers)
    return _Calendar(trigger, fields.any_hour)


def _trigger(kind: Callable[..., Any], fields: CronFields, day: str, weekday: str) -> Any:
    return kind(
        month=_spread(fields.months, 12),
        day=day,
        day_of_week=weekday,
        hour=_spread(fields.hours, 24),
        minute=_spread(fields.minutes, 60),
        second=_spread(fields.seconds, 60),
        timezone=UTC,
    )


def _spread(values: tuple[int, ...], everything: int) -> str:
    """Write numbers as shortly as APScheduler reads them: that is what its speed depends on."""
    if len(values) == everything:
        return "*"
    steps = {later - earlier for earlier, later in pairwise(values)}
    if len(values) > 2 and len(steps) == 1:
        return f"{values[0]}-{values[-1]}/{steps.pop()}"
    return ",".join(map(str, values))
