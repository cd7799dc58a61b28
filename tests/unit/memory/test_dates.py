"""Times in questions, read on a Tuesday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ruster.memory.search.dates import periods
from tests.unit.memory.memories import NOON


def days(text: str) -> list[tuple[str, str]]:
    """Return the first and the last day of each period."""
    return [
        (
            f"{datetime.fromtimestamp(it.start, UTC):%Y-%m-%d}",
            f"{datetime.fromtimestamp(it.end, UTC) - timedelta(seconds=1):%Y-%m-%d}",
        )
        for it in periods(text, NOON, UTC)
    ]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("what is on today?", "2026-11-24", "2026-11-24"),
        ("Yesterday we met", "2026-11-23", "2026-11-23"),
        ("the day before yesterday", "2026-11-22", "2026-11-22"),
        ("last night's dream", "2026-11-23", "2026-11-23"),
        ("last Tuesday", "2026-11-17", "2026-11-17"),
        ("on Tuesday", "2026-11-24", "2026-11-24"),
        ("on Wednesday", "2026-11-18", "2026-11-18"),
        ("this Monday", "2026-11-23", "2026-11-23"),
        ("last weekend", "2026-11-21", "2026-11-22"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("this year", "2026-01-01", "2026-12-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("three days ago", "2026-11-21", "2026-11-21"),
        ("two weeks ago", "2026-11-07", "2026-11-13"),
        ("a month ago", "2026-10-01", "2026-10-31"),
        ("2 years ago", "2024-11-01", "2025-10-31"),
        ("a couple of days ago", "2026-11-22", "2026-11-22"),
        ("in the last 3 days", "2026-11-21", "2026-11-24"),
        ("the past two weeks", "2026-11-10", "2026-11-24"),
        ("in May", "2026-05-01", "2026-05-31"),
        ("in December", "2025-12-01", "2025-12-31"),
        ("in May 2023", "2023-05-01", "2023-05-31"),
        ("May 2023", "2023-05-01", "2023-05-31"),
        ("on 7 May 2023", "2023-05-07", "2023-05-07"),
        ("the 7th of May", "2026-05-07", "2026-05-07"),
        ("May 7, 2023", "2023-05-07", "2023-05-07"),
        ("December 31", "2025-12-31", "2025-12-31"),
        ("on 2024-02-29?", "2024-02-29", "2024-02-29"),
        ("in 2019", "2019-01-01", "2019-12-31"),
        ("in Sept 2025", "2025-09-01", "2025-09-30"),
    ],
)
def test_a_period(text: str, first: str, last: str) -> None:
    assert days(text) == [(first, last)]


@pytest.mark.parametrize(
    "text",
    [
        "may I ask something?",
        "march on",
        "31 February",
        "2024-02-30",
        "what about 2019 apples",
        "a second ago",
        "9999 years ago",
        "",
        "last but not least",
        "999 " * 5000,
    ],
)
def test_no_period(text: str) -> None:
    assert days(text) == []


def test_several_periods_in_their_order() -> None:
    assert days("was it in May 2023 or last week?") == [
        ("2023-05-01", "2023-05-31"),
        ("2026-11-16", "2026-11-22"),
    ]


def test_no_more_than_four_are_read() -> None:
    assert len(days("in May, in June, in July, yesterday, last week, in 2019")) == 4


def test_days_begin_where_the_person_is() -> None:
    zone = timezone(timedelta(hours=10))
    (period,) = periods("today", NOON, zone)
    assert datetime.fromtimestamp(period.start, UTC).hour == 14
    assert period.end - period.start == 86_400
