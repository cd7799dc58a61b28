"""The words of a language that name numbers, units and days, and the pieces they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ruster.proactive.schedules.numerals import Unit, amount_of, clock, total
from ruster.proactive.schedules.pieces import Amount, Date, MonthDay, Piece, Unread, Weekdays

__all__ = ["Vocabulary", "any_of", "numbered"]


def numbered(words: str, first: int = 0) -> dict[str, int]:
    """Give each word its number; words that are joined by a slash share one."""
    groups = enumerate(words.split(), first)
    return {name: number for number, names in groups for name in names.split("/")}


def any_of(words: Iterable[str]) -> str:
    """Return a pattern of one of the words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What words mean. ``day`` is a pattern of one weekday's name.

    ``last`` is the word of the last day, ``every_month`` has the words that mean each of them.
    ``term`` is a pattern of one amount, with groups ``number`` and ``unit``.
    """

    numbers: Mapping[str, float]
    units: Mapping[str, Unit]
    weekdays: Mapping[str, int]
    months: Mapping[str, int]
    ordinals: Mapping[str, int]
    last: str
    every_month: tuple[str, ...]
    day: str
    term: str

    def amount(self, text: str) -> Amount:
        """Read amounts that follow each other."""
        return total([self._amount(it) for it in re.finditer(self.term, text)])

    def hour(self, text: str) -> int:
        """Read a number written in digits or as a word."""
        return int(text) if text.isdigit() else int(self.numbers[text])

    def clock_past(self, minutes: str, hour: str) -> list[Piece]:
        """Read so many minutes past an hour."""
        return [clock(self.hour(hour), self._minutes(minutes))]

    def clock_to(self, minutes: str, hour: str) -> list[Piece]:
        """Read so many minutes before an hour."""
        named = self.hour(hour)
        before = (named - 1) % 12 or 12 if 1 <= named <= 12 else (named - 1) % 24
        return [clock(before, 60 - self._minutes(minutes))]

    def weekday_list(self, match: re.Match[str]) -> list[Piece]:
        """Read ``days``; they come again with ``every``, or if all are named in the plural."""
        found = re.findall(rf"\b({self.day})(s?)\b", match["days"])
        again = match["every"] is not None or all(plural for _, plural in found)
        if len(found) > 1 and not again:
            raise Unread(f'"{match[0].strip()}" names several days; say it with "every"')
        return [Weekdays(frozenset(self.weekdays[name] for name, _ in found), again)]

    def weekday_span(self, match: re.Match[str]) -> list[Piece]:
        """Read the days from the first group to the second."""
        first, last = self.weekdays[match[1]], self.weekdays[match[2]]
        days = frozenset((first + it) % 7 for it in range((last - first) % 7 + 1))
        return [Weekdays(days, again=True)]

    def next_weekday(self, match: re.Match[str]) -> list[Piece]:
        """Read a day that is not today."""
        return [Weekdays(frozenset((self.weekdays[match[1]],)), later=True)]

    def month_day(self, match: re.Match[str]) -> list[Piece]:
        """Read ``day``, of the month that ``which`` says."""
        word = match["day"]
        again = match["every"] is not None or match["which"] in self.every_month
        if word == self.last:
            return [MonthDay(None, again)]
        return [MonthDay(self.ordinals.get(word) or int(re.sub(r"\D", "", word)), again)]

    def date(self, match: re.Match[str]) -> list[Piece]:
        """Read ``day``, ``month`` (a name or a number) and perhaps ``year``."""
        year = int(match["year"]) if match["year"] else None
        word = match["month"].rstrip(".")
        month = int(word) if word.isdigit() else self.months[word]
        return [Date(month, int(match["day"]), year, match["every"] is not None)]

    def _amount(self, match: re.Match[str]) -> Amount:
        amount = amount_of(match["number"], self.numbers, self.units[match["unit"]])
        groups = match.groupdict()
        if not groups.get("half") and not groups.get("more"):
            return amount
        if groups.get("more") and match["number"] not in ("a", "an", "one", "1"):
            raise Unread(f'"{match[0]}" is no clear time')
        return total([amount, amount_of("half", self.numbers, self.units[match["unit"]])])

    def _minutes(self, text: str) -> int:
        minutes = {"half": 30, "halb": 30, "quarter": 15, "a quarter": 15, "viertel": 15}
        return minutes.get(text) or self.hour(text)
