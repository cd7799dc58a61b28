"""Reading cron expressions: what they mean, and how a wrong one is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import JobError
from ruster.proactive.schedules.cron import parse_cron, shortest_gap
from ruster.proactive.schedules.fields import parse_fields
from ruster.proactive.schedules.schedule import At, Cron, Every
from tests.unit.proactive.schedules.support import outcome

ALL_MONTHS = tuple(range(1, 13))
WEEK = tuple(range(7))


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("5 * * * *", "minutes", (5,)),
        ("*/20 * * * *", "minutes", (0, 20, 40)),
        ("5/20 * * * *", "minutes", (5, 25, 45)),
        ("10-12,50 * * * *", "minutes", (10, 11, 12, 50)),
        ("10-20/5 * * * *", "minutes", (10, 15, 20)),
        ("*/60 * * * *", "minutes", (0,)),
        ("0 8,20 * * *", "hours", (8, 20)),
        ("0 0 1,15 * *", "days", (1, 15)),
        ("0 0 * jan,MAR-may *", "months", (1, 3, 4, 5)),
        ("0 0 * * mon", "weekdays", (0,)),
        ("0 0 * * 0", "weekdays", (6,)),
        ("0 0 * * 7", "weekdays", (6,)),
        ("0 0 * * sun", "weekdays", (6,)),
        ("0 0 * * MON-FRI", "weekdays", (0, 1, 2, 3, 4)),
        ("0 0 * * 1-5", "weekdays", (0, 1, 2, 3, 4)),
        ("0 0 * * fri-sun", "weekdays", (4, 5, 6)),
        ("0 0 * * sun-tue", "weekdays", (0, 1, 6)),
        ("0 0 * * 5-7", "weekdays", (4, 5, 6)),
        ("0 0 * * */2", "weekdays", (1, 3, 5, 6)),
        ("30 15 8 * * *", "seconds", (30,)),
        ("30 15 8 * * *", "minutes", (15,)),
        ("0 */6 * * * *", "hours", (0, 6, 12, 18)),
        ("0  */6 * * * * ", "minutes", (0,)),
        ("0 0 */1 * * *", "hours", (0,)),
        ("0 */5 * * * *", "minutes", tuple(range(0, 60, 5))),
        ("@hourly", "hours", tuple(range(24))),
        ("@daily", "hours", (0,)),
        ("@midnight", "minutes", (0,)),
        ("@weekly", "weekdays", (6,)),
        ("@Monthly", "days", (1,)),
        ("@yearly", "months", (1,)),
        ("@annually", "days", (1,)),
    ],
)
def test_what_a_field_means(text: str, part: str, expected: tuple[int, ...]) -> None:
    assert getattr(parse_fields(text), part) == expected


def test_the_last_day() -> None:
    fields = parse_fields("0 9 L * *")
    assert (fields.days, fields.last_day, fields.either) == ((), True, False)
    fields = parse_fields("0 9 15,l * fri")
    assert (fields.days, fields.last_day, fields.either) == ((15,), True, True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * 32 * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * foo *", "month"),
        ("* * * * 8", "weekday"),
        ("* * * * fun", "weekday"),
        ("* * * * 5L", "weekday"),
        ("* * * * mon#1", "weekday"),
        ("60 * * * * *", "second"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("*/ * * * *", "minute"),
        ("*-5 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("L * * * *", "minute"),
        ("\u0665 * * * *", "minute"),
        ("1\x002 * * * *", "cron"),
        ("99999999999 * * * *", "minute"),
        ("* * * *", "five fields"),
        ("* * * * * * *", "five fields"),
        ("", "five fields"),
        ("@reboot", "@daily"),
        ("* " * 200, "at most"),
    ],
)
def test_a_wrong_expression_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(JobError) as caught:
        parse_cron(text, "UTC")
    assert caught.value.code == "when_invalid"
    assert named in caught.value.message


def test_what_is_allowed_is_said() -> None:
    with pytest.raises(JobError, match=r"month .*'13': use 1-12 or jan-dec"):
        parse_cron("0 0 1 13 *", "UTC")


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 feb *"])
def test_what_never_comes_is_refused(text: str) -> None:
    with pytest.raises(JobError) as caught:
        parse_cron(text, "UTC")
    assert caught.value.code == "when_past"


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 30 2 mon", "0 0 30,L 2 *", "0 0 30 2,3 *"])
def test_what_comes_rarely_is_taken(text: str) -> None:
    assert parse_cron(text, "UTC") == Cron(text, "UTC")


def test_a_zone_must_exist() -> None:
    for zone in ("Nowhere/Land", "", "../etc/passwd", "\0", "x" * 500):
        with pytest.raises(JobError, match="time zone"):
            parse_cron("@daily", zone)


REFUSALS = ("when_invalid", "when_past")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = outcome(lambda: parse_cron(text, "UTC"))
    assert isinstance(found, Cron) or found in REFUSALS


@given(st.lists(st.text("0123456789*/-,Lmonfeb@ ", max_size=5), min_size=4, max_size=7))
def test_what_looks_like_an_expression_is_read_or_refused(words: list[str]) -> None:
    found = outcome(lambda: parse_fields(" ".join(words)))
    assert found in REFUSALS if isinstance(found, str) else found.minutes and found.weekdays


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", 60),
        ("* * * * * *", 1),
        ("*/20 * * * * *", 20),
        ("0,50 * * * * *", 10),
        ("*/15 * * * *", 900),
        ("0,50 * * * *", 600),
        ("0 * * * *", 3600),
        ("0 8,9,20 * * *", 3600),
        ("0 0,23 * * *", 3600),
        ("0 8 * * *", 86_400),
        ("0 8 * * 1,4", 3 * 86_400),
        ("0 8 * * 1", 7 * 86_400),
        ("0 8 1 * *", 28 * 86_400),
        ("0 8 L * *", 28 * 86_400),
        ("0 8 1,L * *", 86_400),
        ("0 8 1 1 *", 365 * 86_400),
        ("0 8 29 2 *", 1461 * 86_400),
        ("0 8 13 * 5", 86_400),
    ],
)
def test_the_least_distance_between_two_dues(text: str, expected: float) -> None:
    assert shortest_gap(Cron(text, "UTC")) == expected


def test_the_distance_of_the_others() -> None:
    assert shortest_gap(At(5.0)) == math.inf
    assert shortest_gap(Every(7, 0.0)) == 7
