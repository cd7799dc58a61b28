"""Words about time, English and German: what they mean, and that half of them is nothing."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import JobError
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule, next_due
from ruster.proactive.schedules.words import parse_when, split_reminder
from tests.unit.proactive.schedules.support import local, moment, outcome

ZONE = "Europe/Berlin"
NOW = moment(ZONE, "2026-11-27T14:07:00")  # a Friday

ONCE = [
    # From now
    ("in 20 minutes", "2026-11-27 14:27"),
    ("In 20 Minutes.", "2026-11-27 14:27"),
    ("in 1 minute", "2026-11-27 14:08"),
    ("in an hour and a half", "2026-11-27 15:37"),
    ("in one and a half hours", "2026-11-27 15:37"),
    ("in half an hour", "2026-11-27 14:37"),
    ("in a quarter of an hour", "2026-11-27 14:22"),
    ("in three quarters of an hour", "2026-11-27 14:52"),
    ("in 2.5 hours", "2026-11-27 16:37"),
    ("in 1h30m", "2026-11-27 15:37"),
    ("in 1 hour and 30 minutes", "2026-11-27 15:37"),
    ("in 1 hour, 20 minutes", "2026-11-27 15:27"),
    ("in a couple of hours", "2026-11-27 16:07"),
    ("20 minutes from now", "2026-11-27 14:27"),
    ("in 2 days", "2026-11-29 14:07"),
    ("in two weeks", "2026-12-11 14:07"),
    ("in a month", "2026-12-27 14:07"),
    ("in 3 months", "2027-02-27 14:07"),
    ("in a year", "2027-11-27 14:07"),
    ("in 2 days at noon", "2026-11-29 12:00"),
    ("in 2 days at 9", "2026-11-29 09:00"),
    # Bare times: over means tomorrow
    ("at 5pm", "2026-11-27 17:00"),
    ("at 5:30 p.m.", "2026-11-27 17:30"),
    ("5pm", "2026-11-27 17:00"),
    ("17:30", "2026-11-27 17:30"),
    ("at 17:00.", "2026-11-27 17:00"),
    ("at 17", "2026-11-27 17:00"),
    ("at 5", "2026-11-28 05:00"),
    ("at 12am", "2026-11-28 00:00"),
    ("at 12pm", "2026-11-28 12:00"),
    ("at 14:07", "2026-11-28 14:07"),
    ("at eight o'clock", "2026-11-28 08:00"),
    ("at half past eight", "2026-11-28 08:30"),
    ("quarter to nine", "2026-11-28 08:45"),
    ("at ten past 15", "2026-11-27 15:10"),
    ("at quarter to one", "2026-11-28 12:45"),
    ("at 8 in the evening", "2026-11-27 20:00"),
    ("at 4 in the afternoon", "2026-11-27 16:00"),
    ("in the morning", "2026-11-28 09:00"),
    ("noon", "2026-11-28 12:00"),
    ("midnight", "2026-11-28 00:00"),
    ("this evening", "2026-11-27 19:00"),
    ("this afternoon", "2026-11-27 15:00"),
    ("tonight", "2026-11-27 20:00"),
    ("tonight at 9:30", "2026-11-27 21:30"),
    ("tonight at midnight", "2026-11-28 00:00"),
    ("today at midnight", "2026-11-28 00:00"),
    # Days
    ("today at 17:00", "2026-11-27 17:00"),
    ("tomorrow", "2026-11-28 09:00"),
    ("tomorrow morning", "2026-11-28 09:00"),
    ("tomorrow evening at 8", "2026-11-28 20:00"),
    ("at 5 tomorrow", "2026-11-28 05:00"),
    ("tomorrow 9am", "2026-11-28 09:00"),
    ("the day after tomorrow at 7", "2026-11-29 07:00"),
    ("on Friday at 8", "2026-12-04 08:00"),
    ("on Friday at 18:00", "2026-11-27 18:00"),
    ("friday evening", "2026-11-27 19:00"),
    ("next Friday", "2026-12-04 09:00"),
    ("next Tuesday 9:30", "2026-12-01 09:30"),
    ("this Sunday", "2026-11-29 09:00"),
    ("sun at 10", "2026-11-29 10:00"),
    ("at noon on friday", "2026-12-04 12:00"),
    # Dates
    ("on 3 May at noon", "2027-05-03 12:00"),
    ("May 3rd, 2027 at 5:30 p.m.", "2027-05-03 17:30"),
    ("the 3rd of May", "2027-05-03 09:00"),
    ("on 27 November at 15:00", "2026-11-27 15:00"),
    ("on 27 November at 14:00", "2027-11-27 14:00"),
    ("on 29 February", "2028-02-29 09:00"),
    ("friday, 4 december at 9", "2026-12-04 09:00"),
    ("on the 15th at 9", "2026-12-15 09:00"),
    ("on the 31st", "2026-12-31 09:00"),
    ("2027-01-02 08:00", "2027-01-02 08:00"),
    ("2027-01-02 at 8:15", "2027-01-02 08:15"),
    ("2027-01-02", "2027-01-02 09:00"),
    ("2027-01-02T08:00:30", "2027-01-02 08:00:30"),
    ("2027-01-02T08:00Z", "2027-01-02 09:00"),
    ("2027-01-02T08:00:00+05:30", "2027-01-02 03:30"),
    ("2027-01-02 08:00:00.250-0500", "2027-01-02 14:00"),
    # German
    ("in 20 Minuten", "2026-11-27 14:27"),
    ("in einer halben Stunde", "2026-11-27 14:37"),
    ("in anderthalb Stunden", "2026-11-27 15:37"),
    ("in einer Viertelstunde", "2026-11-27 14:22"),
    ("in einer Stunde und 10 Minuten", "2026-11-27 15:17"),
    ("in 1,5 Stunden", "2026-11-27 15:37"),
    ("in zwei Tagen", "2026-11-29 14:07"),
    ("in einem Monat", "2026-12-27 14:07"),
    ("morgen", "2026-11-28 09:00"),
    ("morgen um 9", "2026-11-28 09:00"),
    ("morgen früh", "2026-11-28 09:00"),
    ("morgen Abend", "2026-11-28 19:00"),
    ("heute Abend um 8", "2026-11-27 20:00"),
    ("übermorgen um halb neun", "2026-11-29 08:30"),
    ("um viertel nach acht", "2026-11-28 08:15"),
    ("um viertel vor 18 Uhr", "2026-11-27 17:45"),
    ("zehn vor 0 Uhr", "2026-11-27 23:50"),
    ("um 17 Uhr", "2026-11-27 17:00"),
    ("um 17.30 Uhr", "2026-11-27 17:30"),
    ("17 Uhr 30", "2026-11-27 17:30"),
    ("um 8 Uhr abends", "2026-11-27 20:00"),
    ("um Mitternacht", "2026-11-28 00:00"),
    ("am Freitag um 8", "2026-12-04 08:00"),
    ("Freitagabend", "2026-11-27 19:00"),
    ("nächsten Dienstag um 9:30", "2026-12-01 09:30"),
    ("kommenden Sonntag", "2026-11-29 09:00"),
    ("am 3. Mai um 12 Uhr", "2027-05-03 12:00"),
    ("am 3.5.", "2027-05-03 09:00"),
    ("am 3.5.2027 um 8:15", "2027-05-03 08:15"),
    ("am 15. um 9", "2026-12-15 09:00"),
    ("am 24. Dezember", "2026-12-24 09:00"),
]


@pytest.mark.parametrize(("text", "expected"), ONCE)
def test_once(text: str, expected: str) -> None:
    found = parse_when(text, NOW, ZONE)
    assert isinstance(found, At)
    seconds = "" if expected.count(":") == 2 else ":00"
    assert local(found.due, ZONE)[:19] == expected + seconds


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("in 20 minutes", True),
        ("in 2 days", True),
        ("in zwei Wochen", True),
        ("in 2 days at 9", False),
        ("at 5pm", False),
        ("tomorrow", False),
    ],
)
def test_what_is_meant_from_now_is_marked(text: str, relative: bool) -> None:
    found = parse_when(text, NOW, ZONE)
    assert isinstance(found, At)
    assert found.relative is relative


AGAIN = [
    ("every day at 7", "0 7 * * *"),
    ("each day at 7", "0 7 * * *"),
    ("daily at 6", "0 6 * * *"),
    ("daily", "0 9 * * *"),
    ("every morning", "0 9 * * *"),
    ("every evening at 8", "0 20 * * *"),
    ("every day at noon", "0 12 * * *"),
    ("every day at midnight", "0 0 * * *"),
    ("every day at 8 and 20:00", "0 8,20 * * *"),
    ("every day at 8:30 and at 6:30 pm", "30 8,18 * * *"),
    ("every day at 08:00:30", "30 0 8 * * *"),
    ("every weekday at 8:30", "30 8 * * 1,2,3,4,5"),
    ("on weekdays at 8:30", "30 8 * * 1,2,3,4,5"),
    ("on weekends at 10", "0 10 * * 6,0"),
    ("every weekend", "0 9 * * 6,0"),
    ("every Monday and Thursday at 9am", "0 9 * * 1,4"),
    ("every mon, wed and fri at 9 in the evening", "0 21 * * 1,3,5"),
    ("Mondays at 9", "0 9 * * 1"),
    ("tuesdays and fridays at 9", "0 9 * * 2,5"),
    ("Monday to Friday at 9", "0 9 * * 1,2,3,4,5"),
    ("fri-mon at 9", "0 9 * * 1,5,6,0"),
    ("weekly on Monday at 9", "0 9 * * 1"),
    ("every first of the month at 9", "0 9 1 * *"),
    ("on the 1st of every month at 9", "0 9 1 * *"),
    ("every 15th of the month", "0 9 15 * *"),
    ("monthly on the 15th at 9", "0 9 15 * *"),
    ("every last day of the month", "0 9 L * *"),
    ("every year on 24 December at 18:00", "0 18 24 12 *"),
    ("every 3 May", "0 9 3 5 *"),
    ("hourly", "0 * * * *"),
    ("0 9 * * mon-fri", "0 9 * * mon-fri"),
    ("*/15 * * * *", "*/15 * * * *"),
    ("30 0 8 * * *", "30 0 8 * * *"),
    ("@daily", "@daily"),
    ("@HOURLY", "@hourly"),
    ("jeden Tag um 7", "0 7 * * *"),
    ("täglich um 6", "0 6 * * *"),
    ("jeden Morgen um 7", "0 7 * * *"),
    ("jeden Abend", "0 19 * * *"),
    ("jede Nacht", "0 20 * * *"),
    ("jeden Werktag um 8:30", "30 8 * * 1,2,3,4,5"),
    ("werktags um 8", "0 8 * * 1,2,3,4,5"),
    ("jedes Wochenende um 10", "0 10 * * 6,0"),
    ("jeden Montag und Donnerstag um 9", "0 9 * * 1,4"),
    ("montags um 9", "0 9 * * 1"),
    ("montag bis freitag um 9", "0 9 * * 1,2,3,4,5"),
    ("mo-fr um 9", "0 9 * * 1,2,3,4,5"),
    ("jeden Freitagabend", "0 19 * * 5"),
    ("jeden ersten des Monats um 9", "0 9 1 * *"),
    ("jeden 15. des Monats", "0 9 15 * *"),
    ("am letzten Tag jedes Monats", "0 9 L * *"),
    ("jedes Jahr am 24. Dezember um 18 Uhr", "0 18 24 12 *"),
    ("stündlich", "0 * * * *"),
]


@pytest.mark.parametrize(("text", "expression"), AGAIN)
def test_again_and_again(text: str, expression: str) -> None:
    found = parse_when(text, NOW, ZONE)
    assert found == Cron(expression, ZONE)
    assert next_due(found, NOW) is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every 15 minutes", 900),
        ("every minute", 60),
        ("every 2 hours", 7200),
        ("every hour", 3600),
        ("every half hour", 1800),
        ("every quarter of an hour", 900),
        ("every hour and a half", 5400),
        ("every 2 days", 172_800),
        ("every week", 604_800),
        ("every second", 1),
        ("every 90 seconds", 90),
        ("alle 15 Minuten", 900),
        ("alle zwei Stunden", 7200),
        ("jede Stunde", 3600),
        ("jede halbe Stunde", 1800),
        ("jede Woche", 604_800),
    ],
)
def test_every_so_often(text: str, seconds: int) -> None:
    assert parse_when(text, NOW, ZONE) == Every(seconds, NOW)


REFUSED = [
    "",
    "   ",
    "soon",
    "next week",
    "yesterday",
    "at 25:00",
    "at 24:00",
    "at 9:60",
    "at 13pm",
    "75 to 5",
    "0 to 5",
    "75 past 5",
    "at 0am",
    "tomorrow 8",
    "tonight at 1",
    "tomorrow morning at 20:00",
    "morning evening",
    "in -5 minutes",
    "-5 minutes",
    "20 minutes",
    "in 1000000000000000000000000000000 days",
    "in 999999 days",
    "in 999999 years",
    "in half a month",
    "in 2 hours and a half",
    "every 0 minutes",
    "every -1 minutes",
    "every 999999 weeks",
    "every 2 months",
    "every half a month",
    "weekly",
    "monthly",
    "every month",
    "every year",
    "every other Friday",
    "every second friday",
    "fortnightly",
    "every first Monday of the month",
    "every 2 days at 8",
    "every 2 hours on weekdays",
    "every day at 8 except Sundays",
    "except every day at 8",
    "every day at 8 for a week",
    "every day at 8 until May",
    "every day at 8 and 9:30",
    "every day tomorrow",
    "every day on Monday",
    "every Monday on 3 May",
    "every hour at 8",
    "every Monday at 8 and Friday at 9",
    "every 32nd of the month",
    "every year on 3 May 2027",
    "on Monday and Friday at 9",
    "at 8 and 9:00",
    "on the 32nd",
    "on 30 February",
    "on 31 April",
    "monday, 4 december",
    "today tomorrow",
    "in 20 minutes at 9",
    "in 20 minutes tomorrow",
    "5/3 at 9",
    "2027-13-01",
    "2027-02-30",
    "2027-01-02T25:00Z",
    "9500-01-01",
    "9999-12-31T23:59-14:00",
    "61 * * * *",
    "* * * *",
    "@reboot",
    "jeden zweiten Freitag",
    "alle 2 Wochen freitags",
    "jeden Tag um 8 außer sonntags",
    "heute morgen übermorgen",
    "am 32.",
    "um 25 Uhr",
    "in 20\0minutes",
    "in 20 minutes\x1b[0m",
    "in 20 minutes " + "x" * 200,
    "in" + " 20" * 60,
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda it: repr(it[:40]))
def test_what_is_not_wholly_understood_is_refused(text: str) -> None:
    assert outcome(lambda: parse_when(text, NOW, ZONE)) == "when_invalid"


@pytest.mark.parametrize(
    "text",
    [
        "today at 8",
        "this morning",
        "2020-01-01",
        "2026-11-27 14:07",
        "2026-11-27T13:06Z",
        "0001-01-01",
        "on 3 May 2026",
        "in 0 minutes",
        "heute früh",
        "am 3.5.2020",
        "every 30 February",
        "0 0 30 2 *",
    ],
)
def test_what_is_over_is_refused(text: str) -> None:
    assert outcome(lambda: parse_when(text, NOW, ZONE)) == "when_past"


def test_a_refusal_shows_what_was_not_understood_and_three_examples() -> None:
    with pytest.raises(JobError) as caught:
        parse_when("every day at 8 except Sundays", NOW, ZONE)
    assert '"except sundays" was not understood' in caught.value.message
    for example in ("in 20 minutes", "tomorrow at 9:00", "every weekday at 8:30"):
        assert f'"{example}"' in caught.value.message
        assert not isinstance(outcome(partial(parse_when, example, NOW, ZONE)), str)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(JobError, match="time zone"):
        parse_when("tomorrow", NOW, "Europe/Nowhere")


def test_changes_of_the_clock() -> None:
    before = moment(ZONE, "2026-03-28T14:00")
    for text, expected in (
        ("tomorrow at 2:30", "2026-03-29 03:00:00+0200"),
        ("in 1 day", "2026-03-29 14:00:00+0200"),
        ("in 24 hours", "2026-03-29 15:00:00+0200"),
        ("in 1 day and 1 hour", "2026-03-29 15:00:00+0200"),
    ):
        found = parse_when(text, before, ZONE)
        assert isinstance(found, At)
        assert local(found.due, ZONE) == expected
    autumn = parse_when("tomorrow at 2:30", moment(ZONE, "2026-10-24T14:00"), ZONE)
    assert isinstance(autumn, At)
    assert local(autumn.due, ZONE) == "2026-10-25 02:30:00+0200"


def test_another_zone_has_another_morning() -> None:
    found = parse_when("tomorrow at 9", NOW, "Asia/Kathmandu")
    assert isinstance(found, At)
    assert local(found.due, "Asia/Kathmandu") == "2026-11-28 09:00:00+0545"


WORDS = st.lists(
    st.sampled_from(
        [word for text, _ in ONCE + AGAIN for word in text.split()]
        + ["except", "99999", "-1", "0", "on", "at", "um", "every", "and", "und", "29", "february"]
    ),
    max_size=8,
).map(" ".join)
MOMENTS = st.floats(0, 4e9) | st.just(NOW)


@given(text=st.text(max_size=220) | WORDS, now=MOMENTS, zone=st.sampled_from([ZONE, "UTC"]))
def test_any_text_is_understood_or_refused(text: str, now: float, zone: str) -> None:
    found = outcome(lambda: parse_when(text, now, zone))
    if isinstance(found, str):
        assert found in ("when_invalid", "when_past")
    else:
        due = next_due(found, now)
        assert due is not None
        assert due > now


REMINDERS = [
    ("remind me in 20 minutes to take the cake out", "in 20 minutes", "take the cake out"),
    ("Remind me every weekday at 8:30 to stretch.", "every weekday at 8:30", "stretch"),
    ("please remind me to buy Milk at 17:30", "at 17:30", "buy Milk"),
    ("Can you remind me to call Bob tomorrow at 5pm?", "tomorrow at 5pm", "call Bob"),
    ("in 20 minutes remind me to check the oven", "in 20 minutes", "check the oven"),
    ("Tomorrow at 9, remind me to call Bob", "tomorrow at 9", "call Bob"),
    ("remind me tomorrow to call Bob at 5pm", "tomorrow", "call Bob at 5pm"),
    ("remind me on Monday to go to the gym", "on monday", "go to the gym"),
    ("remind me monday to friday at 9 to stand up", "monday to friday at 9", "stand up"),
    ("remind me about the meeting on Monday at 10", "on monday at 10", "the meeting"),
    ("remind me in 2 weeks: renew passport", "in 2 weeks", "renew passport"),
    ("set a reminder for tomorrow at 9 to pay rent", "tomorrow at 9", "pay rent"),
    (
        "remind me every first of the month at 9 to pay the rent",
        "every first of the month at 9",
        "pay the rent",
    ),
    ("remind me to stretch every day at 8", "every day at 8", "stretch"),
    ("erinnere mich morgen um 9 an den Arzt", "morgen um 9", "den Arzt"),
    ("Erinnere mich an den Arzt morgen um 9", "morgen um 9", "den Arzt"),
    (
        "Erinner mich bitte in 20 Minuten daran, den Kuchen rauszuholen",
        "in 20 minuten",
        "den Kuchen rauszuholen",
    ),
    (
        "erinnere mich in einer Stunde daran, dass ich Mama anrufe",
        "in einer stunde",
        "ich Mama anrufe",
    ),
    ("erinnere mich täglich um 8 ans Dehnen", "täglich um 8", "Dehnen"),
]


@pytest.mark.parametrize(("sentence", "when", "said"), REMINDERS, ids=lambda it: it[:50])
def test_a_reminder_is_split(sentence: str, when: str, said: str) -> None:
    assert split_reminder(sentence, NOW, ZONE) == (parse_when(when, NOW, ZONE), said)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "remind me",
        "remind me to go",
        "remind me at 9:30",
        "remind me in 20 minutes",
        "that reminds me of tomorrow",
        "what is the time tomorrow at 9",
        "I told you to remind me to go tomorrow",
        "remind me every day at 8 except Sundays to stretch",
        "remind me to stretch every day at 8 except Sundays",
        "remind me to do it every other friday",
        "remind me to book the table for Friday at 8",
        "remind me to read the report of 2020-01-01",
        "remind me to enjoy the morning",
        "remind me in 5 parsecs to jump",
        "remind me in 20 minutes to\0go",
        "remind me in 20 minutes to " + "x" * 3000,
        "erinnere mich an den Bericht vom Freitag",
    ],
    ids=lambda it: it[:50],
)
def test_what_is_no_reminder_or_no_clear_one(sentence: str) -> None:
    assert split_reminder(sentence, NOW, ZONE) is None


def test_a_reminder_of_what_is_over_is_told() -> None:
    for sentence in ("remind me today at 8 to go", "remind me to go today at 8"):
        assert outcome(partial(split_reminder, sentence, NOW, ZONE)) == "when_past"


@given(
    before=WORDS,
    middle=st.sampled_from(["remind me", "remind me to", "erinnere mich", ""]),
    after=st.text(max_size=80) | WORDS,
)
def test_any_sentence_is_split_or_not(before: str, middle: str, after: str) -> None:
    found = outcome(lambda: split_reminder(f"{before} {middle} {after}", NOW, ZONE))
    if isinstance(found, tuple):
        schedule: Schedule = found[0]
        assert next_due(schedule, NOW) is not None
        assert found[1]
    else:
        assert found in (None, "when_past")
