"""Dates that were named only in part: the next one that fits."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date

from ruster.proactive.schedules.pieces import Date, Unread

__all__ = ["add_months", "coming_date", "coming_month_day"]

_LAST_YEAR = 8999


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def coming_month_day(number: int | None, today: date, comes: Callable[[date], bool]) -> date:
    """Return the next such day of a month that comes; None is the last one."""
    if number is not None and not 1 <= number <= 31:
        raise Unread(f"no month has a day {number}")
    first = today.replace(day=1)
    for months in range(13):
        start = add_months(first, months)
        last = monthrange(start.year, start.month)[1]
        if number is not None and number > last:
            continue
        day = start.replace(day=number or last)
        if comes(day):
            return day
    raise AssertionError("every day of a month comes within a year")


def coming_date(wanted: Date, today: date, comes: Callable[[date], bool]) -> date:
    """Return the date, in the next year that has it and in which it comes if none was named."""
    if wanted.year is not None:
        return _date(wanted, wanted.year)
    if wanted.month == 2 and wanted.day == 29:
        years = [it for it in range(today.year, today.year + 9) if monthrange(it, 2)[1] == 29]
    else:
        years = [today.year, today.year + 1]
    days = [_date(wanted, year) for year in years]
    return next((day for day in days if comes(day)), days[-1])


def _date(wanted: Date, year: int) -> date:
    try:
        if year > _LAST_YEAR:
            raise ValueError
        return date(year, wanted.month, wanted.day)
    except ValueError:
        raise Unread(f"there is no date {year}-{wanted.month:02}-{wanted.day:02}") from None
