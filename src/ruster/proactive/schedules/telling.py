"""A schedule in a few words, as a person says it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from ruster.proactive.schedules.fields import CronFields, parse_fields
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule, next_due
from ruster.proactive.schedules.wall import wall_of, zone_of

__all__ = ["describe"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_SOON_S = 2 * 3600
_EXACT_S = 90
_MOST_TIMES = 4


def describe(schedule: Schedule, now: float, zone: str) -> str:
    """Return what a schedule says and when it is due next, by the clock of ``zone``.

    Raises JobError if a schedule holds an expression or a zone that does not exist.
    """
    place = zone_of(zone)
    if isinstance(schedule, At):
        return _moment(schedule.due, now, place)
    if isinstance(schedule, Every):
        return f"every {_length(schedule.seconds)} ({_next(schedule, now, place)})"
    said = _rhythm(schedule)
    if said is None:
        said = f'cron "{schedule.expression}"'
    if schedule.zone != zone:
        said = f"{said} {schedule.zone}"
    return f"{said} ({_next(schedule, now, place)})"


def _moment(due: float, now: float, zone: tzinfo) -> str:
    ahead = due - now
    if ahead <= 0:
        return f"{_stamp(due, now, zone)} (over)"
    wall, today = wall_of(due, zone), wall_of(now, zone).date()
    if ahead < _SOON_S:
        exact = ahead < _EXACT_S
        length = _plural(max(1, round(ahead)), "second") if exact else _rounded(ahead)
        return f"in {length} ({_time(wall, exact=exact)})"
    named = {today: "today", today + timedelta(days=1): "tomorrow"}.get(wall.date())
    if named is not None:
        return f"{named} at {_time(wall)}"
    return f"{_date(wall.date(), today)} at {_time(wall)}"


def _rounded(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [_plural(hours, "hour")] if hours else []
    return " ".join(parts + ([_plural(minutes, "minute")] if minutes else []))


def _length(seconds: int) -> str:
    """Return an interval exactly: ``15 minutes``, ``hour``, ``1 hour 30 minutes``."""
    parts = []
    rest = seconds
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append((count, unit))
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    return " ".join(_plural(count, unit) for count, unit in parts)


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _next(schedule: Schedule, now: float, zone: tzinfo) -> str:
    due = next_due(schedule, now)
    if isinstance(schedule, Cron):
        exact = parse_fields(schedule.expression).seconds != (0,)
    else:
        exact = isinstance(schedule, Every) and schedule.seconds % 60 > 0
    return "never again" if due is None else f"next {_stamp(due, now, zone, exact=exact)}"


def _stamp(moment: float, now: float, zone: tzinfo, *, exact: bool = False) -> str:
    wall = wall_of(moment, zone)
    return f"{_date(wall.date(), wall_of(now, zone).date())} {_time(wall, exact=exact)}"


def _date(day: date, today: date) -> str:
    year = "" if day.year == today.year else f" {day.year}"
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}{year}"


def _time(wall: datetime, *, exact: bool = False) -> str:
    """Write a time of the day; seconds only where they matter."""
    return wall.strftime("%H:%M:%S" if exact else "%H:%M")


def _rhythm(schedule: Cron) -> str | None:
    """Say an expression in words, or return None where they would be no shorter."""
    fields = parse_fields(schedule.expression)
    days = _days_said(fields)
    if days is None:
        return None
    if fields.any_hour:
        if days != "every day" or len(fields.minutes) > 1 or fields.seconds != (0,):
            return None
        return f"every hour at :{fields.minutes[0]:02}" if fields.minutes[0] else "every hour"
    if len(fields.hours) * len(fields.minutes) > _MOST_TIMES or len(fields.seconds) > 1:
        return None
    second = f":{fields.seconds[0]:02}" if fields.seconds[0] else ""
    times = [f"{hour:02}:{minute:02}{second}" for hour in fields.hours for minute in fields.minutes]
    return f"{days} at {_joined(times)}"


def _days_said(fields: CronFields) -> str | None:
    """Name the days, if they are all days, some weekdays, days of each month or one of a year."""
    all_days = len(fields.days) == 31
    all_weekdays = len(fields.weekdays) == 7
    if fields.either:
        return None
    if len(fields.months) < 12:
        if len(fields.months) > 1 or len(fields.days) != 1 or fields.last_day or not all_weekdays:
            return None
        return f"every year on {fields.days[0]} {_MONTHS[fields.months[0] - 1]}"
    if all_days:
        return "every day" if all_weekdays else _weekdays_said(fields.weekdays)
    if not all_weekdays or len(fields.days) + fields.last_day > _MOST_TIMES:
        return None
    named = [f"{it}{_suffix(it)}" for it in fields.days] + ["last"] * fields.last_day
    return f"every {_joined(named)} day of the month"


def _weekdays_said(days: tuple[int, ...]) -> str:
    if days == (0, 1, 2, 3, 4):
        return "every weekday"
    if len(days) == 1:
        return f"every {_FULL_DAYS[days[0]]}"
    return f"every {_joined([_DAYS[it] for it in days])}"


def _suffix(day: int) -> str:
    return "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
