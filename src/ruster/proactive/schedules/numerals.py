"""Pieces that all languages share: amounts, times and parts of the day, ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from ruster.proactive.schedules.pieces import (
    Amount,
    Clock,
    Date,
    Language,
    Moment,
    Part,
    Pattern,
    Piece,
    Unread,
)

__all__ = [
    "AFTERNOON",
    "EVENING",
    "ISO",
    "MIDNIGHT",
    "MORNING",
    "NIGHT",
    "NOON",
    "Unit",
    "amount_of",
    "clock",
    "total",
]

MORNING = Part(9, 0, 11)
NOON = Part(12, 12, 12)
AFTERNOON = Part(15, 12, 18)
EVENING = Part(19, 16, 23)
NIGHT = Part(20, 17, 23)
MIDNIGHT = Part(0, 0, 0)

Unit = tuple[str, int]
"""One of ``months``, ``days`` or ``seconds``, and how many of them a unit has."""


def amount_of(number: str, numbers: Mapping[str, float], unit: Unit) -> Amount:
    """Return so many of a unit; only time by the clock can be divided."""
    value = numbers.get(number)
    if value is None:
        value = float(number.replace(",", "."))
    name, size = unit
    if value % 1:
        if name == "months":
            raise Unread("a part of a month or a year is no certain time")
        if name == "days":
            name, size = "seconds", size * 86_400
    return Amount(**{name: round(value * size)})


def total(amounts: Sequence[Amount]) -> Amount:
    """Add amounts up."""
    return Amount(
        sum(it.months for it in amounts),
        sum(it.days for it in amounts),
        sum(it.seconds for it in amounts),
    )


def clock(hour: int, minute: int = 0, second: int = 0, half: str = "") -> Clock:
    """Return a time of the day; ``half`` is ``am`` or ``pm`` if one was said."""
    if half:
        if not 1 <= hour <= 12:
            raise Unread(f"there is no {hour} {half}")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or not 0 <= minute <= 59 or second > 59:
        raise Unread("there is no such time of the day")
    return Clock(hour, minute, second, settled=bool(half) or hour > 12)


def _iso(match: re.Match[str]) -> Sequence[Piece]:
    year, month, day = (int(match[it]) for it in (1, 2, 3))
    if match[4] is None:
        return [Date(month, day, year)]
    hour, minute, second = int(match[4]), int(match[5]), int(match[6] or 0)
    offset = match[7]
    if offset is None:
        found = clock(hour, minute, second)
        return [Date(month, day, year), Clock(found.hour, found.minute, found.second, True)]
    offset = "+00:00" if offset == "z" else offset
    text = f"{match[1]}-{match[2]}-{match[3]}T{hour:02}:{minute:02}:{second:02}{offset}"
    try:
        return [Moment(datetime.fromisoformat(text).timestamp())]
    except (ValueError, OverflowError):
        raise Unread(f'there is no time "{text}"') from None


ISO: Language = (
    (
        Pattern(
            r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
            r"(?:(?:t|,? (?:at |um )?)([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?"
            r" ?(z|[+-][0-9]{2}:?[0-9]{2})?)?"
        ),
        _iso,
    ),
)
