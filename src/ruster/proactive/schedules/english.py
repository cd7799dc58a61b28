"""English words about time."""

from __future__ import annotations

import re

from ruster.proactive.schedules.numerals import (
    AFTERNOON,
    EVENING,
    ISO,
    MIDNIGHT,
    MORNING,
    NIGHT,
    NOON,
    Unit,
    clock,
)
from ruster.proactive.schedules.pieces import (
    DayOffset,
    Interval,
    Language,
    MonthDay,
    Pattern,
    Piece,
    Repeat,
    Rhythm,
    Unread,
    Weekdays,
)
from ruster.proactive.schedules.vocabulary import Vocabulary, any_of, numbered

__all__ = ["ENGLISH"]

_COUNTED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS: dict[str, float] = dict(numbered(_COUNTED, 1)) | {
    "a": 1,
    "an": 1,
    "half a": 0.5,
    "half an": 0.5,
    "half": 0.5,
    "a quarter of an": 0.25,
    "quarter of an": 0.25,
    "three quarters of an": 0.75,
    "a couple of": 2,
    "thirty": 30,
    "forty": 40,
    "forty-five": 45,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
}
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), ("seconds", 1)),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), ("seconds", 60)),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), ("seconds", 3600)),
    **dict.fromkeys(("day", "days", "d"), ("days", 1)),
    **dict.fromkeys(("week", "weeks", "w"), ("days", 7)),
    **dict.fromkeys(("month", "months"), ("months", 1)),
    **dict.fromkeys(("year", "years"), ("months", 12)),
}
_WEEKDAYS = numbered(
    "monday/mon tuesday/tue/tues wednesday/wed thursday/thu/thur/thurs friday/fri saturday/sat "
    "sunday/sun"
)
_MONTHS = numbered(
    "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug "
    "september/sep/sept october/oct november/nov december/dec",
    1,
)
_ORDINALS = numbered("first second third fourth fifth sixth seventh eighth ninth tenth", 1)
_RHYTHMS = {
    "hourly": Rhythm.HOUR,
    "daily": Rhythm.DAY,
    "weekly": Rhythm.WEEK,
    "monthly": Rhythm.MONTH,
    "yearly": Rhythm.YEAR,
    "annually": Rhythm.YEAR,
    "day": Rhythm.DAY,
    "month": Rhythm.MONTH,
    "year": Rhythm.YEAR,
}
_PARTS = {
    "morning": MORNING,
    "noon": NOON,
    "midday": NOON,
    "afternoon": AFTERNOON,
    "evening": EVENING,
    "night": NIGHT,
    "midnight": MIDNIGHT,
}


_NUMBER = rf"(?:[0-9]{{1,6}}(?:\.[0-9]{{1,2}})?|(?:{any_of(_NUMBERS)})(?= ))"
_TERM = (
    rf"(?P<number>{_NUMBER})(?P<half> and a half)? ?(?P<unit>{any_of(_UNITS)})(?![a-z])"
    r"(?P<more> and a half)?"
)
_NAMELESS = re.sub(r"\?P<\w+>", "?:", _TERM)
_TERMS = rf"{_NAMELESS}(?:(?:, and |, | and | |){_NAMELESS}){{0,3}}"
_DAY = rf"(?:{any_of(_WEEKDAYS)})"
_MONTH = rf"(?:{any_of(_MONTHS)})\.?"
_TH = r"[0-9]{1,2}(?:st|nd|rd|th)"
_HOURS = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[0-9]{1,2})"
_OF_MONTH = r"of (?P<which>the|each|every) month"
_AT = r"(?:at )?"
_ON = r"(?P<every>every |each )?(?:on )?(?:the )?"

_WORDS = Vocabulary(
    numbers=_NUMBERS,
    units=_UNITS,
    weekdays=_WEEKDAYS,
    months=_MONTHS,
    ordinals=_ORDINALS,
    last="last",
    every_month=("each", "every"),
    day=_DAY,
    term=_TERM,
)


def _clock_12(match: re.Match[str]) -> list[Piece]:
    return [clock(int(match[1]), int(match[2] or 0), half=match[3][0] + "m")]


def _clock_24(match: re.Match[str]) -> list[Piece]:
    return [clock(int(match[1]), int(match[2]), int(match[3] or 0))]


def _clock_told(match: re.Match[str]) -> list[Piece]:
    """Read "half past eight", "quarter to nine", "ten past 5"."""
    read = _WORDS.clock_past if match[2] == "past" else _WORDS.clock_to
    return read(match[1], match[3])


def _refuse_other(match: re.Match[str]) -> list[Piece]:
    raise Unread(f'"{match[0]}" cannot be kept exactly: name the days, as in "every Friday at 8"')


ENGLISH: Language = (
    *ISO,
    (Pattern(rf"in ({_TERMS})(?: from now)?"), lambda it: [_WORDS.amount(it[1])]),
    (Pattern(rf"({_TERMS}) from now"), lambda it: [_WORDS.amount(it[1])]),
    # Times of the day
    (Pattern(rf"{_AT}([0-9]{{1,2}})(?:[:.]([0-9]{{2}}))? ?([ap]\.?m\.?)"), _clock_12),
    (
        Pattern(rf"{_AT}([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}}))?(?: o'?clock| hours)?"),
        _clock_24,
    ),
    (
        Pattern(
            rf"{_AT}(half|a quarter|quarter|five|ten|twenty|[0-9]{{1,2}}) (past|to) ({_HOURS})"
        ),
        _clock_told,
    ),
    (Pattern(rf"at ({_HOURS})(?: o'?clock)?"), lambda it: [clock(_WORDS.hour(it[1]))]),
    (Pattern(rf"({_HOURS}) o'?clock"), lambda it: [clock(_WORDS.hour(it[1]))]),
    (Pattern(r"and(?= (?:at )?[0-9]{1,2}(?:[:.][0-9]{2}| ?[ap]\.?m))"), lambda _: []),
    (Pattern(r"tonight at midnight"), lambda _: [DayOffset(0), MIDNIGHT]),
    (Pattern(r"tonight"), lambda _: [DayOffset(0), NIGHT]),
    (
        Pattern(r"(?:this) (morning|afternoon|evening)"),
        lambda it: [DayOffset(0), _PARTS[it[1]]],
    ),
    (Pattern(r"(?:in the |at )?(" + "|".join(_PARTS) + ")"), lambda it: [_PARTS[it[1]]]),
    (
        Pattern(r"(?:every|each) (morning|afternoon|evening|night)"),
        lambda it: [Repeat(Rhythm.DAY), _PARTS[it[1]]],
    ),
    # Days
    (Pattern(r"today"), lambda _: [DayOffset(0)]),
    (Pattern(r"(?:the )?day after tomorrow"), lambda _: [DayOffset(2)]),
    (Pattern(r"tomorrow"), lambda _: [DayOffset(1)]),
    (
        Pattern(r"(?:(?:every|each|on) )?(?:weekdays?|workdays?|working days?)"),
        lambda _: [Weekdays(frozenset(range(5)), again=True)],
    ),
    (
        Pattern(r"(?:every|each) weekend|(?:on )?weekends"),
        lambda _: [Weekdays(frozenset((5, 6)), again=True)],
    ),
    (
        Pattern(rf"(?:every |from )?({_DAY}) ?(?:to|through|till|until|-|–) ?({_DAY})"),  # noqa: RUF001
        _WORDS.weekday_span,
    ),
    (
        Pattern(rf"(?:on )?next ({_DAY})"),
        _WORDS.next_weekday,
    ),
    (
        Pattern(
            rf"(?P<every>every |each )?(?:on |this |coming )?"
            rf"(?P<days>{_DAY}s?(?:(?:, and |, | and |,){_DAY}s?){{0,6}})"
        ),
        _WORDS.weekday_list,
    ),
    # Dates
    (
        Pattern(
            rf"{_ON}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})"
            r"(?:,? (?P<year>[0-9]{4}))?"
        ),
        _WORDS.date,
    ),
    (
        Pattern(
            rf"{_ON}(?P<month>{_MONTH}) (?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?"
            r"(?:,? (?P<year>[0-9]{4}))?"
        ),
        _WORDS.date,
    ),
    (
        Pattern(rf"{_ON}(?P<day>last|{any_of(_ORDINALS)}|{_TH})(?: day)? {_OF_MONTH}"),
        _WORDS.month_day,
    ),
    (Pattern(rf"on the ({_TH})"), lambda it: [MonthDay(int(it[1][:-2]))]),
    # Again and again
    (Pattern(r"every (?:other|second|third|2nd|3rd) [a-z]+|biweekly|fortnightly"), _refuse_other),
    (Pattern(r"hourly|daily|weekly|monthly|yearly|annually"), lambda it: [Repeat(_RHYTHMS[it[0]])]),
    (Pattern(r"(?:every|each) (day|month|year)"), lambda it: [Repeat(_RHYTHMS[it[1]])]),
    (Pattern(r"everyday"), lambda _: [Repeat(Rhythm.DAY)]),
    (
        Pattern(r"every ((?:seconds?|minute|hour|week)(?: and a half)?)"),
        lambda it: [Interval(_WORDS.amount(f"one {it[1]}"))],
    ),
    (Pattern(rf"every ({_TERMS})"), lambda it: [Interval(_WORDS.amount(it[1]))]),
)
"""What is understood, first match first."""
