"""What words about time say, in no language: the pieces a sentence is read into.

A language is a table of patterns, each with what makes pieces of a match. Text is read from its
start; what no pattern takes is left, and then nothing was understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Amount",
    "Clock",
    "Date",
    "DayOffset",
    "Interval",
    "Language",
    "Moment",
    "MonthDay",
    "Part",
    "Pattern",
    "Piece",
    "Repeat",
    "Rhythm",
    "Unread",
    "Weekdays",
    "read",
]


class Unread(Exception):
    """Words that were not understood, or that contradict each other; the reason is for people.

    ``rest`` is how many characters were not read.
    """

    def __init__(self, reason: str, rest: int = 0) -> None:
        super().__init__(reason)
        self.rest = rest


class Rhythm(StrEnum):
    """What a repetition goes by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Amount:
    """From now on: by the calendar in months and days, then by the clock in seconds."""

    months: int = 0
    days: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """Again and again after so much time."""

    amount: Amount


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of the day; ``settled`` when it cannot mean another half of the day."""

    hour: int
    minute: int = 0
    second: int = 0
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day, in hours: when it is meant by itself, and what belongs to it."""

    hour: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DayOffset:
    """So many days from today."""

    days: int


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Days of the week from Monday, which is 0; ``later`` leaves out today."""

    days: frozenset[int]
    again: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of a month; None is its last."""

    day: int | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Date:
    """A date, perhaps without its year."""

    month: int
    day: int
    year: int | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, in seconds since the epoch."""

    due: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """Every day, week and so on."""

    rhythm: Rhythm


Piece = Amount | Interval | Clock | Part | DayOffset | Weekdays | MonthDay | Date | Moment | Repeat
Maker = Callable[[re.Match[str]], Sequence[Piece]]


class Pattern:
    """A pattern that ends where a word does; it is compiled when it is first needed."""

    __slots__ = ("_compiled", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._compiled: re.Pattern[str] | None = None

    def match(self, text: str, at: int) -> re.Match[str] | None:
        if self._compiled is None:
            self._compiled = re.compile(rf"(?:{self._text})(?=[ ,]|\.?$)")
        return self._compiled.match(text, at)


Language = Sequence[tuple[Pattern, Maker]]


def read(text: str, language: Language) -> list[Piece]:
    """Read lower-case text with single spaces; raises Unread with the rest of the words."""
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        if text[at] in " ," or text[at:] == ".":
            at += 1
            continue
        for form, make in language:
            match = form.match(text, at)
            if match is not None:
                pieces.extend(make(match))
                at = match.end()
                break
        else:
            raise Unread(f'"{text[at : at + 60]}" was not understood', len(text) - at)
    return pieces
