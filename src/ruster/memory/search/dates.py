"""Times that a question names: "last Tuesday", "in May", "two weeks ago", "2026-03-14".

Only English is read. Of a month or a weekday without a year the last one is meant that has begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

__all__ = ["Period", "periods"]

_MAX_CHARS = 2048
_MAX_PERIODS = 4
_MONTH_NAMES = "january february march april may june july august september october november "
_MONTH_NAMES += "december"
_MONTHS = _MONTH_NAMES.split()
_DAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
_DAYS = _DAY_NAMES.split()
_NUMBER_NAMES = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: number for number, word in enumerate(_NUMBER_NAMES.split())} | {
    "a": 1,
    "an": 1,
    "couple of": 2,
    "a couple of": 2,
    "few": 3,
    "a few": 3,
}
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
_MONTH += r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_WEEKDAY = r"(?P<weekday>mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)\b"
_COUNT = (
    r"(?P<count>\d{1,3}|(?:a )?couple of|(?:a )?few|an?|" + "|".join(list(_NUMBERS)[1:13]) + ")"
)
_UNIT = r"(?P<unit>day|week|month|year)s?"
_DATE = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"


class Period(NamedTuple):
    """From ``start`` up to, not including, ``end``, in seconds since the epoch."""

    start: float
    end: float


def periods(text: str, now: float, zone: tzinfo | None) -> list[Period]:
    """Return the periods a question names, the first four in its order.

    ``zone`` is where days begin; None is the machine's own.
    """
    plain = " ".join(text[:_MAX_CHARS].casefold().split())
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if zone is None:
        today = today.replace(tzinfo=None)
    found: list[tuple[int, Period]] = []
    taken: list[tuple[int, int]] = []
    for pattern, read in _PATTERNS:
        for match in pattern.finditer(plain):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            try:
                start, end = read(match, today)
                period = Period(start.timestamp(), end.timestamp())
            except (ValueError, OverflowError, OSError):
                continue  # the 31st of February
            taken.append(match.span())
            found.append((match.start(), period))
    return [period for _, period in sorted(found)][:_MAX_PERIODS]


_Read = Callable[[re.Match[str], datetime], tuple[datetime, datetime]]


def _day(start: datetime, days: int = 1) -> tuple[datetime, datetime]:
    return start, start + timedelta(days=days)


def _months_from(start: datetime, count: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return start.replace(year=year, month=month + 1, day=1)


def _month_number(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def _named_day(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    """Read "7 May 2023", "May 7", "the 7th of May"."""
    given = match["year"]
    day = today.replace(
        year=int(given) if given else today.year,
        month=_month_number(match["month"]),
        day=int(match["day"]),
    )
    if not given and day > today:
        day = day.replace(year=day.year - 1)
    return _day(day)


def _iso_day(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    return _day(today.replace(year=int(match[1]), month=int(match[2]), day=int(match[3])))


def _named_month(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    given = match["year"]
    start = today.replace(
        year=int(given) if given else today.year, month=_month_number(match["month"]), day=1
    )
    if not given and start > today:
        start = start.replace(year=start.year - 1)
    return start, _months_from(start, 1)


def _named_year(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    start = today.replace(year=int(match["year"]), month=1, day=1)
    return start, start.replace(year=start.year + 1)


def _weekday(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    wanted = next(n for n, day in enumerate(_DAYS) if day.startswith(match["weekday"]))
    back = (today.weekday() - wanted) % 7
    if back == 0 and match["which"] in ("last", "past", "previous"):
        back = 7
    return _day(today - timedelta(days=back))


def _near_day(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    back = {"yesterday": 1, "last night": 1, "day before yesterday": 2}.get(match[1], 0)
    return _day(today - timedelta(days=back))


def _this_or_last(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    """Read "this week", "last month", "last weekend"."""
    last, unit = match["which"] != "this", match["unit"]
    monday = today - timedelta(days=today.weekday())
    if unit == "weekend":
        start = monday + timedelta(days=5)
        return _day(start - timedelta(days=7) if last or start > today else start, 2)
    if unit == "week":
        return _day(monday - timedelta(days=7 if last else 0), 7)
    if unit == "month":
        start = _months_from(today, -1 if last else 0)
        return start, _months_from(start, 1)
    start = today.replace(year=today.year - (1 if last else 0), month=1, day=1)
    return start, start.replace(year=start.year + 1)


def _count(match: re.Match[str]) -> int:
    word = match["count"]
    return int(word) if word.isdecimal() else _NUMBERS[word]


def _ago(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    """Read "two weeks ago": the longer ago, the less exactly it is meant."""
    count, unit = _count(match), match["unit"]
    if unit == "day":
        return _day(today - timedelta(days=count))
    if unit == "week":
        return _day(today - timedelta(days=7 * count + 3), 7)
    start = _months_from(today, -count * (12 if unit == "year" else 1))
    return start, _months_from(start, 12 if unit == "year" else 1)


def _recent(match: re.Match[str], today: datetime) -> tuple[datetime, datetime]:
    """Read "the last three days"."""
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[match["unit"]] * _count(match)
    return today - timedelta(days=days), today + timedelta(days=1)


_PATTERNS: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b", _iso_day),
        (rf"\b{_DATE} (?:of )?{_MONTH}\b(?:,? {_YEAR}\b)?", _named_day),
        (rf"\b{_MONTH} {_DATE}\b(?:,? {_YEAR}\b)?", _named_day),
        (rf"\b{_COUNT} {_UNIT} ago\b", _ago),
        (rf"\b(?:last|past|previous) {_COUNT} {_UNIT}\b", _recent),
        (r"\b(day before yesterday|yesterday|last night|today|tonight|this morning)\b", _near_day),
        (rf"\b(?P<which>last|past|previous|this|on) {_WEEKDAY}", _weekday),
        (
            r"\b(?P<which>last|past|previous|this) (?P<unit>weekend|week|month|year)\b",
            _this_or_last,
        ),
        (
            rf"\b(?:in|during|since|last|of|early|late|mid) {_MONTH}\b(?:,? {_YEAR}\b)?",
            _named_month,
        ),
        (rf"\b{_MONTH},? {_YEAR}\b", _named_month),
        (rf"\b(?:in|during|of|since) {_YEAR}\b", _named_year),
    )
)
