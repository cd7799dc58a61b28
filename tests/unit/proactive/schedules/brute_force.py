"""Cron by walking through time second by second or minute by minute: slow, and nothing but that.

It reads no expression and uses no library for cron: a rule is sets of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EVERY_MINUTE = frozenset(range(60))
EVERY_HOUR = frozenset(range(24))


@dataclass(frozen=True)
class Rule:
    """What a cron expression means; ``weekdays`` as cron counts them, from Sunday."""

    minutes: frozenset[int] = EVERY_MINUTE
    hours: frozenset[int] = EVERY_HOUR
    days: frozenset[int] | None = None
    months: frozenset[int] = field(default_factory=lambda: frozenset(range(1, 13)))
    weekdays: frozenset[int] | None = None
    last_day: bool = False

    def matches(self, wall: datetime) -> bool:
        if wall.second or wall.minute not in self.minutes or wall.hour not in self.hours:
            return False
        return wall.month in self.months and self._day_matches(wall)

    def _day_matches(self, wall: datetime) -> bool:
        by_weekday = self.weekdays is not None and wall.isoweekday() % 7 in self.weekdays
        is_last = (wall + timedelta(days=1)).month != wall.month
        by_day = wall.day in (self.days or ()) or (self.last_day and is_last)
        if self.weekdays is None and self.days is None and not self.last_day:
            return True
        return by_weekday or by_day


def shown(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).replace(tzinfo=None)


def walk(rule: Rule, zone: ZoneInfo, after: int, until: int) -> Iterator[int]:
    """Yield the dues in (after, until]; offsets must be whole minutes there."""
    moment = after - after % 60
    seen: set[datetime] = set()
    # What was shown before the start, as far as a clock is ever set back.
    for earlier in range(moment - 3 * 3600, moment + 1, 60):
        seen.add(shown(earlier, zone).replace(fold=0))
    before = shown(moment, zone).replace(fold=0)
    while moment + 60 <= until:
        moment += 60
        wall = shown(moment, zone).replace(fold=0)
        if rule.hours == EVERY_HOUR:
            due = rule.matches(wall)
        else:
            due = rule.matches(wall) and wall not in seen
            skipped = before + timedelta(minutes=1)
            while skipped < wall:
                due = due or (rule.matches(skipped) and skipped not in seen)
                skipped += timedelta(minutes=1)
        seen.add(wall)
        before = wall
        if due and moment > after:
            yield moment
