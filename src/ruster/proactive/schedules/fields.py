"""The fields of a cron expression as sets of numbers.

Five fields are minute, hour, day of the month, month and weekday (0 and 7 are Sunday); six begin
with the second. A field takes ``*``, numbers, names, ranges, steps and lists; the day also takes
``L``, the last of its month. When day and weekday are both restricted (neither begins with ``*``)
either of them makes a day match, as in crontab(5).
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from functools import lru_cache

from ruster.core.errors import JobError

__all__ = ["CronFields", "parse_fields"]

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# What an older configuration meant by its two lines of six fields.
_OLDER = {"0 */6 * * * *": "0 */6 * * *", "0 0 */1 * * *": "0 0 * * *"}
_MAX_CHARS = 200
_LEAP_YEAR = 2000
_PART = re.compile(r"(?P<first>\*|[0-9]{1,4}|[a-z]{3})(?:-(?P<last>[0-9]{1,4}|[a-z]{3}))?")
_STEP = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class _Field:
    """What a field may hold."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def allowed(self) -> str:
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        last = ", or L for the last day" if self.name == "day of the month" else ""
        return f"{self.low}-{self.high}{named}{last}, with * , - and / (as in */2 or 1-5)"


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SECOND = _Field("second", 0, 59)
_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of the month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("weekday", 0, 7, _WEEKDAYS)


@dataclass(frozen=True, slots=True)
class CronFields:
    """What matches, each in ascending order; ``weekdays`` count from Monday, which is 0.

    ``last_day`` adds the last day of each month to ``days``. With ``either`` a day matches by its
    number or by its weekday, else by both.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    last_day: bool
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool

    @property
    def any_hour(self) -> bool:
        """Whether it follows the running clock, rather than naming times of the day."""
        return len(self.hours) == 24


@lru_cache(maxsize=256)
def parse_fields(expression: str) -> CronFields:
    """Read an expression; raises JobError: ``when_invalid``, ``when_past`` if it never comes."""
    text = " ".join(expression[: _MAX_CHARS + 1].lower().split())
    if len(text) > _MAX_CHARS or "\0" in text:
        raise JobError(
            f"a cron expression has at most {_MAX_CHARS} characters", code="when_invalid"
        )
    if text.startswith("@") and text not in _ALIASES:
        raise JobError(f"use one of {', '.join(sorted(_ALIASES))}", code="when_invalid")
    words = _OLDER.get(text, _ALIASES.get(text, text)).split()
    if len(words) not in (5, 6):
        raise JobError(
            "a cron expression has five fields (minute, hour, day of the month, month, weekday), "
            "or six with the second first",
            code="when_invalid",
        )
    second = words.pop(0) if len(words) == 6 else "0"
    minute, hour, day, month, weekday = words
    days, last_day = _days(day)
    fields = CronFields(
        seconds=_values(_SECOND, second),
        minutes=_values(_MINUTE, minute),
        hours=_values(_HOUR, hour),
        days=days,
        last_day=last_day,
        months=_values(_MONTH, month),
        weekdays=tuple(sorted({(it - 1) % 7 for it in _values(_WEEKDAY, weekday)})),
        either=not day.startswith("*") and not weekday.startswith("*"),
    )
    if not _comes(fields):
        raise JobError(
            "no month of that expression has such a day: it never comes", code="when_past"
        )
    return fields


def _comes(fields: CronFields) -> bool:
    longest = max(monthrange(_LEAP_YEAR, month)[1] for month in fields.months)
    return fields.either or fields.last_day or fields.days[0] <= longest


def _days(text: str) -> tuple[tuple[int, ...], bool]:
    parts = text.split(",")
    numbered = [it for it in parts if it != "l"]
    return (_values(_DAY, ",".join(numbered)) if numbered else ()), len(numbered) < len(parts)


def _values(field: _Field, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_part(field, part))
    return tuple(sorted(found))


def _part(field: _Field, part: str) -> range:
    spread, slash, step_text = part.partition("/")
    match = _PART.fullmatch(spread)
    if match is None or (slash and not _STEP.fullmatch(step_text)):
        raise _wrong(field, part)
    step = int(step_text) if slash else 1
    if match["first"] == "*":
        if match["last"] is not None:
            raise _wrong(field, part)
        # 7 is but another name of Sunday.
        first, last = field.low, 6 if field is _WEEKDAY else field.high
    else:
        first = _number(field, match["first"], part)
        last = _last(field, match["last"], part, first, stepped=bool(slash))
    if step < 1 or first > last:
        raise _wrong(field, part)
    return range(first, last + 1, step)


def _last(field: _Field, text: str | None, part: str, first: int, *, stepped: bool) -> int:
    if text is None:
        return (6 if field is _WEEKDAY and first < 7 else field.high) if stepped else first
    last = _number(field, text, part)
    # From a day to Sunday, Sunday ends the week.
    return 7 if field is _WEEKDAY and last == 0 and first > 0 else last


def _number(field: _Field, text: str, part: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if not text.isdigit() or not field.low <= int(text) <= field.high:
        raise _wrong(field, part)
    return int(text)


def _wrong(field: _Field, part: str) -> JobError:
    return JobError(
        f"the {field.name} of a cron expression cannot be {part[:40]!r}: use {field.allowed()}",
        code="when_invalid",
    )
