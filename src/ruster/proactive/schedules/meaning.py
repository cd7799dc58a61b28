"""From what words say to a schedule: pieces are put together, or they contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ruster.proactive.schedules.calendar_days import add_months, coming_date, coming_month_day
from ruster.proactive.schedules.cron import parse_cron
from ruster.proactive.schedules.pieces import (
    Amount,
    Clock,
    Date,
    DayOffset,
    Interval,
    Moment,
    MonthDay,
    Part,
    Piece,
    Repeat,
    Rhythm,
    Unread,
    Weekdays,
)
from ruster.proactive.schedules.schedule import At, Every, Schedule
from ruster.proactive.schedules.wall import LATEST, moment_of, wall_of

__all__ = ["Past", "schedule_of"]

_LONGEST_DAYS = 100 * 366
_DAY_S = 86_400


class Past(Exception):
    """Everything was understood, but it is over."""


@dataclass(slots=True)
class _Said:
    """The pieces by what they say; ``days`` has what picks a day."""

    clocks: list[Clock] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    days: list[DayOffset | Weekdays | MonthDay | Date] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    others: list[Amount | Interval | Moment] = field(default_factory=list)

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> _Said:
        said = cls()
        for piece in pieces:
            if isinstance(piece, Clock):
                said.clocks.append(piece)
            elif isinstance(piece, Part):
                said.parts.append(piece)
            elif isinstance(piece, Repeat):
                said.repeats.append(piece)
            elif isinstance(piece, Amount | Interval | Moment):
                said.others.append(piece)
            else:
                said.days.append(piece)
        return said

    def times(self) -> list[time]:
        """Return the times of the day that were said; the morning's when there are none."""
        if len(self.parts) > 1:
            raise Unread("two parts of the day contradict each other")
        part = self.parts[0] if self.parts else None
        if not self.clocks:
            return [time(part.hour if part else 9)]
        return sorted({_in_part(it, part) for it in self.clocks})


def schedule_of(pieces: Sequence[Piece], now: float, name: str, zone: ZoneInfo) -> Schedule:
    """Return what the pieces mean together; raises Unread or Past."""
    said = _Said.of(pieces)
    if not pieces:
        raise Unread("it says no time")
    if said.others:
        return _by_itself(said, now, zone)
    if said.repeats or any(getattr(it, "again", False) for it in said.days):
        return parse_cron(_expression(said), name)
    return At(_once(said, now, zone))


def _in_part(clock: Clock, part: Part | None) -> time:
    hour = clock.hour
    if part is not None and not part.first <= hour <= part.last:
        hour += 12
        if clock.settled or not part.first <= hour <= part.last:
            raise Unread(f"{clock.hour}:{clock.minute:02} is not in that part of the day")
    return time(hour, clock.minute, clock.second)


def _by_itself(said: _Said, now: float, zone: ZoneInfo) -> Schedule:
    """Read what needs no other piece, or bears none beside it."""
    piece = said.others[0]
    rest = bool(said.days or said.repeats or len(said.others) > 1)
    timed = bool(said.clocks or said.parts)
    if isinstance(piece, Amount):
        if rest or (timed and piece.seconds):
            raise Unread("a time from now and another one contradict each other")
        return _from_now(piece, said if timed else None, now, zone)
    if rest or timed:
        raise Unread('"every so often" or a moment bears no day or time beside it')
    if isinstance(piece, Interval):
        return _again_after(piece.amount, now)
    return At(_coming(piece.due, now))


def _again_after(amount: Amount, now: float) -> Every:
    seconds = amount.seconds + amount.days * _DAY_S
    if amount.months:
        raise Unread('months differ in length; say a day, as in "every first of the month"')
    if not 1 <= seconds <= _LONGEST_DAYS * _DAY_S:
        raise Unread("it must come again within a second to a hundred years")
    return Every(seconds, now)


def _from_now(amount: Amount, said: _Said | None, now: float, zone: ZoneInfo) -> At:
    days = amount.months * 31 + amount.days + amount.seconds / _DAY_S
    if days > _LONGEST_DAYS:
        raise Unread("it is more than a hundred years away")
    if not amount.months and not amount.days:
        return At(_coming(now + amount.seconds, now), relative=True)
    wall = wall_of(now, zone)
    day = add_months(wall.date(), amount.months) + timedelta(days=amount.days)
    if said is not None:
        return At(_coming(moment_of(datetime.combine(day, _one(said.times())), zone), now))
    due = moment_of(datetime.combine(day, wall.time().replace(fold=0)), zone)
    return At(_coming(due + amount.seconds, now), relative=True)


def _one(times: Sequence[time]) -> time:
    if len(times) > 1:
        raise Unread("two times of the day for one day; say it in two jobs")
    return times[0]


def _coming(due: float, now: float) -> float:
    if due <= now:
        raise Past
    if due >= LATEST:
        raise Unread("it is beyond the calendar")
    return due


def _once(said: _Said, now: float, zone: ZoneInfo) -> float:
    at = _one(said.times())
    today = wall_of(now, zone).date()

    def due_on(day: date) -> float:
        return moment_of(datetime.combine(day, at), zone)

    if not said.days:
        due = due_on(today)
        return due if due > now else _coming(due_on(today + timedelta(days=1)), now)
    days = sorted(said.days, key=lambda it: isinstance(it, Weekdays))
    weekdays = days.pop() if len(days) == 2 and isinstance(days[1], Weekdays) else None
    if len(days) != 1:
        raise Unread("it names more than one day")
    midnight = bool(said.parts) and at == time(0)
    day = _day(days[0], today, lambda it: due_on(it) > now, midnight)
    if isinstance(weekdays, Weekdays) and day.weekday() not in weekdays.days:
        raise Unread(f"{day.isoformat()} is another day of the week")
    return _coming(due_on(day), now)


def _day(
    piece: DayOffset | Weekdays | MonthDay | Date,
    today: date,
    comes: Callable[[date], bool],
    midnight: bool,
) -> date:
    if isinstance(piece, DayOffset):
        # The midnight of today is the one that comes.
        return today + timedelta(days=piece.days + (midnight and piece.days == 0))
    if isinstance(piece, Weekdays):
        (weekday,) = piece.days
        day = today + timedelta(days=(weekday - today.weekday()) % 7)
        stays = day > today or (comes(day) and not piece.later)
        return day if stays else day + timedelta(days=7)
    if isinstance(piece, MonthDay):
        return coming_month_day(piece.day, today, comes)
    return coming_date(piece, today, comes)


def _expression(said: _Said) -> str:
    """Return the cron expression of what comes again."""
    rhythm = _rhythm(said)
    if rhythm is Rhythm.HOUR:
        if said.days or said.clocks or said.parts:
            raise Unread("every hour and a time of the day contradict each other")
        return "0 * * * *"
    day, month, weekday = _day_fields(said, rhythm)
    times = said.times()
    if len({(it.minute, it.second) for it in times}) > 1:
        raise Unread("times of the day with different minutes; say it in two jobs")
    hours = ",".join(str(it.hour) for it in times)
    second = f"{times[0].second} " if times[0].second else ""
    return f"{second}{times[0].minute} {hours} {day} {month} {weekday}"


def _rhythm(said: _Said) -> Rhythm | None:
    if len(said.repeats) > 1 or len(said.days) > 1:
        raise Unread("it names more than one day, or more than one rhythm")
    return said.repeats[0].rhythm if said.repeats else None


def _day_fields(said: _Said, rhythm: Rhythm | None) -> tuple[str, str, str]:
    piece = said.days[0] if said.days else None
    if piece is None and rhythm is Rhythm.DAY:
        return "*", "*", "*"
    if isinstance(piece, Weekdays) and rhythm in (None, Rhythm.WEEK):
        return "*", "*", ",".join(str((it + 1) % 7) for it in sorted(piece.days))
    if isinstance(piece, MonthDay) and rhythm in (None, Rhythm.MONTH):
        if piece.day is not None and not 1 <= piece.day <= 31:
            raise Unread(f"no month has a day {piece.day}")
        return "L" if piece.day is None else str(piece.day), "*", "*"
    if isinstance(piece, Date) and piece.year is None and rhythm in (None, Rhythm.YEAR):
        return str(piece.day), str(piece.month), "*"
    if piece is None:
        raise Unread(f"it does not say which day of the {rhythm}")
    raise Unread("the day and how often it comes again contradict each other")
