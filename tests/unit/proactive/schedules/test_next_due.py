"""What is due next and what was missed, against a walk through every minute."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruster.proactive.schedules.schedule import At, Cron, Every, Missed, Schedule, missed, next_due
from tests.unit.proactive.schedules.brute_force import EVERY_HOUR, EVERY_MINUTE, Rule, walk
from tests.unit.proactive.schedules.support import local, moment, outcome

DAY_S = 86_400


CHANGES = {
    # Around each there is a gap or an overlap, or nothing special.
    "Europe/Berlin": [(2026, 3, 29), (2026, 10, 25), (2027, 3, 28), (2024, 2, 29), (2026, 12, 31)],
    "America/New_York": [(2026, 3, 8), (2026, 11, 1), (2007, 3, 11), (2026, 2, 28)],
    "Australia/Lord_Howe": [(2026, 4, 5), (2026, 10, 4), (1985, 10, 27), (2026, 6, 30)],
    "America/Sao_Paulo": [(2018, 11, 4), (2019, 2, 17), (1999, 10, 3), (2017, 10, 15)],
    "Asia/Kathmandu": [(1986, 1, 1), (2026, 4, 1)],
    "Pacific/Apia": [(2011, 12, 30), (2011, 12, 31), (2012, 4, 1), (2012, 9, 30)],
    "Africa/Casablanca": [(2026, 2, 15), (2026, 3, 22)],
    "UTC": [(2026, 2, 28)],
}
PLACES = [(zone, day) for zone, days in CHANGES.items() for day in days]


def sets(low: int, high: int, most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(low, high), min_size=1, max_size=most)


MINUTES = st.one_of(
    st.just(EVERY_MINUTE),
    st.sampled_from([2, 5, 15, 20, 30]).map(lambda step: frozenset(range(0, 60, step))),
    sets(0, 59, 3),
)
HOURS = st.one_of(st.just(EVERY_HOUR), sets(0, 4, 3), sets(0, 23, 6))
DAYS = st.one_of(st.none(), sets(1, 31, 8))
WEEKDAYS = st.one_of(st.none(), sets(0, 6, 4))
MONTHS = st.one_of(st.just(frozenset(range(1, 13))), sets(1, 12, 11))
CLOCKS = st.builds(Rule, MINUTES, HOURS)
RULES = st.builds(Rule, MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS, st.booleans())


def written(values: frozenset[int] | None, everything: frozenset[int] | None = None) -> str:
    if values is None or values == everything:
        return "*"
    return ",".join(map(str, sorted(values)))


def expression(rule: Rule) -> str:
    days = [] if rule.days is None else [written(rule.days)]
    return " ".join(
        (
            written(rule.minutes, EVERY_MINUTE),
            written(rule.hours, EVERY_HOUR),
            ",".join(days + ["L"] * rule.last_day) or "*",
            written(rule.months, frozenset(range(1, 13))),
            written(rule.weekdays),
        )
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
@settings(max_examples=40, deadline=None)
@given(
    rule=CLOCKS,
    offset=st.integers(-2 * 3600, 2 * 3600) | st.integers(-14 * 3600, 12 * 3600),
    width=st.integers(60, DAY_S),
)
def test_through_changes_of_the_clock_dues_are_those_of_a_walk(
    place: tuple[str, tuple[int, int, int]], rule: Rule, offset: int, width: int
) -> None:
    zone, day = place
    start = change(zone, day) + offset
    compare(rule, zone, start, start + width)


@cache
def change(name: str, day: tuple[int, int, int]) -> int:
    """Return when the clock is changed around a day in UTC, or its noon if it is not."""
    zone, noon = ZoneInfo(name), int(datetime(*day, 12, tzinfo=UTC).timestamp())
    for minute in range(noon - DAY_S, noon + DAY_S, 60):
        before, now = (datetime.fromtimestamp(it, zone).utcoffset() for it in (minute - 1, minute))
        if before != now:
            return minute
    return noon


@settings(max_examples=150, deadline=None)
@given(
    rule=RULES,
    zone=st.sampled_from(sorted(CHANGES)),
    start=st.integers(int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()), 2 * 10**9),
    width=st.integers(60, 5 * DAY_S),
)
def test_by_any_calendar_dues_are_those_of_a_walk(
    rule: Rule, zone: str, start: int, width: int
) -> None:
    compare(rule, zone, start, start + width)


def compare(rule: Rule, name: str, start: int, end: int) -> None:
    zone = ZoneInfo(name)
    schedule = Cron(expression(rule), name)
    expected = list(walk(rule, zone, start, end))
    found, due = [], next_due_possible(schedule, start)
    while due is not None and due <= end:
        found.append(due)
        due = next_due(schedule, due)
    assert found == expected
    if due is not None:
        last = expected[-1] if expected else None
        assert missed(schedule, start, end) == Missed(len(expected), last, exact=True)


def next_due_possible(schedule: Schedule, start: float) -> float | None:
    """Return the next due, or None for a day that never comes, which the walk never finds."""
    due = outcome(lambda: next_due(schedule, start))
    if isinstance(due, str):
        assert due == "when_past"
        return None
    return due


@settings(max_examples=100, deadline=None)
@given(
    rule=RULES,
    zone=st.sampled_from(sorted(CHANGES)),
    after=st.floats(0, 4e9),
)
def test_next_due_strictly_increases_and_skips_nothing(rule: Rule, zone: str, after: float) -> None:
    schedule = Cron(expression(rule), zone)
    due = next_due_possible(schedule, after)
    dues = [after]
    while due is not None and len(dues) < 20:
        dues.append(due)
        due = next_due(schedule, due)
    assert all(earlier < later for earlier, later in pairwise(dues))
    for earlier, later in pairwise(dues):
        between = earlier + (later - earlier) * random.Random(int(earlier)).random() * 0.999
        assert next_due(schedule, max(earlier, min(between, later - 1))) == later


BERLIN = "Europe/Berlin"


def dues(schedule: Schedule, after: float, count: int, zone: str = BERLIN) -> list[str]:
    found: list[str] = []
    for _ in range(count):
        due = next_due(schedule, after)
        assert due is not None
        found.append(local(due, zone))
        after = due
    return found


def test_a_time_in_the_gap_is_due_once_right_after_it() -> None:
    after = moment(BERLIN, "2026-03-28T12:00")
    assert dues(Cron("30 2 * * *", BERLIN), after, 3) == [
        "2026-03-29 03:00:00+0200",
        "2026-03-30 02:30:00+0200",
        "2026-03-31 02:30:00+0200",
    ]
    # Two that fall into one gap are one.
    assert dues(Cron("10,30 2 * * *", BERLIN), after, 2) == [
        "2026-03-29 03:00:00+0200",
        "2026-03-30 02:10:00+0200",
    ]


def test_a_time_that_is_shown_twice_is_due_the_first_time() -> None:
    after = moment(BERLIN, "2026-10-24T12:00")
    assert dues(Cron("30 2 * * *", BERLIN), after, 2) == [
        "2026-10-25 02:30:00+0200",
        "2026-10-26 02:30:00+0100",
    ]
    second_time = moment(BERLIN, "2026-10-25T02:10", fold=1)
    assert dues(Cron("30 2 * * *", BERLIN), second_time, 1) == ["2026-10-26 02:30:00+0100"]


def test_with_every_hour_each_real_quarter_counts() -> None:
    quarters = Cron("*/15 * * * *", BERLIN)
    start = moment(BERLIN, "2026-10-25T00:00")
    assert missed(quarters, start, moment(BERLIN, "2026-10-26T00:00")).count == 25 * 4
    assert missed(quarters, moment(BERLIN, "2026-03-29"), moment(BERLIN, "2026-03-30")).count == 92
    assert dues(Cron("0 * * * *", BERLIN), moment(BERLIN, "2026-10-25T01:30"), 3) == [
        "2026-10-25 02:00:00+0200",
        "2026-10-25 02:00:00+0100",
        "2026-10-25 03:00:00+0100",
    ]


def test_half_an_hour_of_summer() -> None:
    zone = "Australia/Lord_Howe"
    after = moment(zone, "2026-10-03T12:00")
    assert dues(Cron("15 2 * * *", zone), after, 2, zone) == [
        "2026-10-04 02:30:00+1100",
        "2026-10-05 02:15:00+1100",
    ]
    after = moment(zone, "2026-04-04T12:00")
    assert dues(Cron("45 1 * * *", zone), after, 2, zone) == [
        "2026-04-05 01:45:00+1100",
        "2026-04-06 01:45:00+1030",
    ]


def test_a_day_that_never_was() -> None:
    zone = "Pacific/Apia"
    after = moment(zone, "2011-12-29T12:00")
    assert dues(Cron("0 8 * * *", zone), after, 2, zone) == [
        "2011-12-31 00:00:00+1400",
        "2011-12-31 08:00:00+1400",
    ]


def test_leap_days_and_last_days() -> None:
    after = moment("UTC", "2026-01-01")
    assert local(next_due(Cron("0 0 29 2 *", "UTC"), after), "UTC")[:10] == "2028-02-29"
    assert [it[:10] for it in dues(Cron("0 9 L * *", "UTC"), after, 3, "UTC")] == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
    ]
    assert [it[8:10] for it in dues(Cron("0 9 15,L 2 *", "UTC"), after, 2, "UTC")] == ["15", "28"]


def test_day_or_weekday_when_both_are_restricted() -> None:
    after = moment("UTC", "2026-11-01")
    days = [it[8:10] for it in dues(Cron("0 0 13 * 5", "UTC"), after, 5, "UTC")]
    assert days == ["06", "13", "20", "27", "04"]
    # A step of everything restricts nothing on its own: then both must match.
    days = [it[8:10] for it in dues(Cron("0 0 */2 * 5", "UTC"), after, 3, "UTC")]
    assert days == ["13", "27", "11"]


def test_seconds_first() -> None:
    after = moment("UTC", "2026-11-01T07:59:50")
    assert dues(Cron("*/20 0 8 * * *", "UTC"), after, 4, "UTC")[3] == "2026-11-02 08:00:00+0000"
    assert dues(Cron("*/20 0 8 * * *", "UTC"), after, 3, "UTC")[2] == "2026-11-01 08:00:40+0000"


def test_once_is_due_once() -> None:
    once = At(100.5)
    assert next_due(once, 100) == 100.5
    assert next_due(once, 100.5) is None
    assert missed(once, 100, 101) == Missed(1, 100.5, exact=True)
    assert missed(once, 100.5, 101) == Missed(0, None, exact=True)
    assert missed(once, 99, 100) == Missed(0, None, exact=True)


@settings(deadline=None)
@given(
    seconds=st.integers(1, 10**6),
    anchor=st.floats(0, 4e9),
    after=st.floats(0, 4e9),
    width=st.floats(0, 1e9),
)
def test_every_so_often(seconds: int, anchor: float, after: float, width: float) -> None:
    every = Every(seconds, anchor)
    due = next_due(every, after)
    assert due is not None
    assert due > after
    assert due - after <= seconds + 1e-6
    assert due - seconds <= after + 1e-6 or due == anchor + seconds
    gone = missed(every, after, after + width)
    if gone.last is None:
        assert gone.count == 0
        assert due > after + width
    else:
        assert gone.count == round((gone.last - due) / seconds) + 1
        assert after < gone.last <= after + width
        following = next_due(every, gone.last)
        assert following is not None
        assert following > after + width
    assert gone.exact


TEN_YEARS_S = 10 * 365 * DAY_S


def test_ten_years_of_seconds_and_minutes() -> None:
    start = moment(BERLIN, "2026-11-27T14:07")
    end = start + TEN_YEARS_S + 0.5
    assert missed(Every(1, start), start, end) == Missed(TEN_YEARS_S, start + TEN_YEARS_S, True)
    for text, last in (("* * * * * *", end - 0.5), ("* * * * *", end - 0.5)):
        assert missed(Cron(text, BERLIN), start, end) == Missed(10_000, last, exact=False)


@settings(max_examples=4, deadline=None)
@given(hours=sets(0, 23, 5), offset=st.integers(0, 400 * DAY_S))
def test_the_last_missed_is_exact_even_when_the_count_is_not(
    hours: frozenset[int], offset: int
) -> None:
    rule = Rule(hours=hours)
    start = int(moment(BERLIN, "2026-01-01")) + offset
    end = start + TEN_YEARS_S
    gone = missed(Cron(expression(rule), BERLIN), start, end)
    assert not gone.exact
    assert gone.last == list(walk(rule, ZoneInfo(BERLIN), end - 2 * DAY_S, end))[-1]


def test_nothing_is_missed_backwards_or_beyond_the_calendar() -> None:
    any_time: Any
    for any_time in (Every(5, 0.0), Cron("* * * * *", "UTC"), At(5.0)):
        assert missed(any_time, 10, 10) == Missed(0, None, exact=True)
        assert missed(any_time, 10, 3) == Missed(0, None, exact=True)
        assert next_due(any_time, 1e15) is None
    assert next_due(Cron("0 0 1 1 *", "UTC"), -1e9) == 0


def test_an_hour_of_wall_time_is_not_always_an_hour() -> None:
    spring = moment(BERLIN, "2026-03-29T01:30")
    due = next_due(Cron("30 3 * * *", BERLIN), spring)
    assert due is not None
    assert timedelta(seconds=due - spring) == timedelta(hours=1)
