"""Schedules told in words, and words that are told as they were meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import JobError
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule
from ruster.proactive.schedules.telling import describe
from ruster.proactive.schedules.words import parse_when
from tests.unit.proactive.schedules.support import moment

ZONE = "Europe/Berlin"
NOW = moment(ZONE, "2026-11-27T18:22:00")  # a Friday


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("in 20 minutes", "in 20 minutes (18:42)"),
        ("in 1 minute", "in 60 seconds (18:23:00)"),
        ("in 30 seconds", "in 30 seconds (18:22:30)"),
        ("in 1 hour", "in 1 hour (19:22)"),
        ("in 1 hour and 1 minute", "in 1 hour 1 minute (19:23)"),
        ("in 3 hours", "today at 21:22"),
        ("tomorrow at 8", "tomorrow at 08:00"),
        ("on monday at 8:30", "Mon 30 Nov at 08:30"),
        ("on 3 May at noon", "Mon 3 May 2027 at 12:00"),
        ("every 15 minutes", "every 15 minutes (next Fri 27 Nov 18:37)"),
        ("every hour", "every hour (next Fri 27 Nov 19:22)"),
        ("every hour and a half", "every 1 hour 30 minutes (next Fri 27 Nov 19:52)"),
        ("every 2 weeks", "every 2 weeks (next Fri 11 Dec 18:22)"),
        ("every day at 8", "every day at 08:00 (next Sat 28 Nov 08:00)"),
        ("every day at 8 and 20:00", "every day at 08:00 and 20:00 (next Fri 27 Nov 20:00)"),
        ("every weekday at 8:30", "every weekday at 08:30 (next Mon 30 Nov 08:30)"),
        ("mondays at 9", "every Monday at 09:00 (next Mon 30 Nov 09:00)"),
        ("on weekends at 9", "every Sat and Sun at 09:00 (next Sat 28 Nov 09:00)"),
        ("every mon, wed and fri at 9", "every Mon, Wed and Fri at 09:00 (next Mon 30 Nov 09:00)"),
        (
            "every first of the month at 9",
            "every 1st day of the month at 09:00 (next Tue 1 Dec 09:00)",
        ),
        (
            "every last day of the month at 9",
            "every last day of the month at 09:00 (next Mon 30 Nov 09:00)",
        ),
        ("every 3 May at 9", "every year on 3 May at 09:00 (next Mon 3 May 2027 09:00)"),
        ("hourly", "every hour (next Fri 27 Nov 19:00)"),
        ("30 * * * *", "every hour at :30 (next Fri 27 Nov 18:30)"),
        ("*/15 * * * *", 'cron "*/15 * * * *" (next Fri 27 Nov 18:30)'),
        ("0 9 13 * fri", 'cron "0 9 13 * fri" (next Fri 4 Dec 09:00)'),
        ("0 9 * 1,2 *", 'cron "0 9 * 1,2 *" (next Fri 1 Jan 2027 09:00)'),
        ("0 9 */2 * mon", 'cron "0 9 */2 * mon" (next Mon 7 Dec 09:00)'),
        ("30 0 8 * * *", "every day at 08:00:30 (next Sat 28 Nov 08:00:30)"),
        ("@yearly", "every year on 1 Jan at 00:00 (next Fri 1 Jan 2027 00:00)"),
    ],
)
def test_what_is_told(words: str, told: str) -> None:
    assert describe(parse_when(words, NOW, ZONE), NOW, ZONE) == told


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (At(NOW - 60), "Fri 27 Nov 18:21 (over)"),
        (At(NOW + 1.4), "in 1 second (18:22:01)"),
        (Every(1, NOW), "every second (next Fri 27 Nov 18:22:01)"),
        (
            Cron("0 9 * * *", "Asia/Kathmandu"),
            "every day at 09:00 Asia/Kathmandu (next Sat 28 Nov 04:15)",
        ),
        (Cron("0 0 1,2,3,4,5 * *", ZONE), 'cron "0 0 1,2,3,4,5 * *" (next Tue 1 Dec 00:00)'),
        (Cron("0 0 11,22,L * *", ZONE), "every 11th, 22nd and last day of the month at 00:00"),
    ],
)
def test_what_no_words_make(schedule: Schedule, told: str) -> None:
    assert describe(schedule, NOW, ZONE).startswith(told)


def test_seconds_are_told_only_where_they_matter() -> None:
    now = NOW + 13.7
    assert describe(parse_when("in 20 minutes", now, ZONE), now, ZONE) == "in 20 minutes (18:42)"
    assert describe(parse_when("in 3 hours", now, ZONE), now, ZONE) == "today at 21:22"
    told = describe(parse_when("every 15 minutes", now, ZONE), now, ZONE)
    assert told == "every 15 minutes (next Fri 27 Nov 18:37)"


def test_a_schedule_in_no_zone_is_refused() -> None:
    with pytest.raises(JobError):
        describe(Cron("0 9 * * *", "Nowhere"), NOW, ZONE)


SPANS = st.integers(-100, 10**7)


@given(
    schedule=st.builds(At, SPANS.map(lambda it: NOW + it))
    | st.builds(Every, st.integers(1, 10**7), SPANS.map(lambda it: NOW + it)),
)
def test_any_schedule_is_told_in_one_short_line(schedule: Schedule) -> None:
    told = describe(schedule, NOW, ZONE)
    assert told.isprintable()
    assert 0 < len(told) < 120


@pytest.mark.parametrize(
    "words",
    ["every day at 8:00", "every weekday at 8:30", "mondays at 9", "hourly", "every 15 minutes"],
)
def test_what_is_told_is_understood_again(words: str) -> None:
    schedule = parse_when(words, NOW, ZONE)
    told = describe(schedule, NOW, ZONE).partition(" (")[0]
    again = parse_when(told, NOW, ZONE)
    assert describe(again, NOW, ZONE).partition(" (")[0] == told
