"""German words about time."""

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

__all__ = ["GERMAN"]

_COUNTED = (
    "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn zwanzig"
)
_NUMBERS: dict[str, float] = {
    **numbered(_COUNTED, 1),
    **dict.fromkeys(("ein", "eine", "einer", "einem", "einen"), 1),
    **dict.fromkeys(("halbe", "einer halben", "eine halbe", "einem halben"), 0.5),
    **dict.fromkeys(("anderthalb", "eineinhalb"), 1.5),
    "zweieinhalb": 2.5,
    "dreieinhalb": 3.5,
    "dreißig": 30,
    "vierzig": 40,
    "fünfundvierzig": 45,
    "fünfzig": 50,
    "sechzig": 60,
    "neunzig": 90,
}
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("sekunde", "sekunden", "sek", "s"), ("seconds", 1)),
    **dict.fromkeys(("minute", "minuten", "min"), ("seconds", 60)),
    **dict.fromkeys(("viertelstunde", "viertelstunden"), ("seconds", 900)),
    **dict.fromkeys(("dreiviertelstunde",), ("seconds", 2700)),
    **dict.fromkeys(("stunde", "stunden", "std", "h"), ("seconds", 3600)),
    **dict.fromkeys(("tag", "tage", "tagen"), ("days", 1)),
    **dict.fromkeys(("woche", "wochen"), ("days", 7)),
    **dict.fromkeys(("monat", "monate", "monaten"), ("months", 1)),
    **dict.fromkeys(("jahr", "jahre", "jahren"), ("months", 12)),
}
_WEEKDAYS = numbered(
    "montag/mo dienstag/di mittwoch/mi donnerstag/do freitag/fr samstag/sonnabend/sa sonntag/so"
)
_MONTHS = numbered(
    "januar/jänner/jan februar/feb märz/mär april/apr mai juni/jun juli/jul august/aug "
    "september/sep/sept oktober/okt november/nov dezember/dez",
    1,
)
_ORDINALS = numbered(
    "ersten zweiten dritten vierten fünften sechsten siebten achten neunten zehnten", 1
)
_RHYTHMS = {
    "stündlich": Rhythm.HOUR,
    "täglich": Rhythm.DAY,
    "wöchentlich": Rhythm.WEEK,
    "monatlich": Rhythm.MONTH,
    "jährlich": Rhythm.YEAR,
    "jeden tag": Rhythm.DAY,
    "jeden monat": Rhythm.MONTH,
    "jedes jahr": Rhythm.YEAR,
}
_PARTS = {
    "früh": MORNING,
    "morgen": MORNING,
    "morgens": MORNING,
    "vormittag": MORNING,
    "vormittags": MORNING,
    "mittag": NOON,
    "mittags": NOON,
    "nachmittag": AFTERNOON,
    "nachmittags": AFTERNOON,
    "abend": EVENING,
    "abends": EVENING,
    "nacht": NIGHT,
    "nachts": NIGHT,
    "mitternacht": MIDNIGHT,
}

_OFFSETS = {"heute": 0, "morgen": 1, "übermorgen": 2}


_TERM = (
    rf"(?P<number>[0-9]{{1,6}}(?:,[0-9]{{1,2}})?|(?:{any_of(_NUMBERS)})(?= )) ?"
    rf"(?P<unit>{any_of(_UNITS)})\b"
)
_NAMELESS = re.sub(r"\?P<\w+>", "?:", _TERM)
_TERMS = rf"{_NAMELESS}(?:(?:, | und | ){_NAMELESS}){{0,3}}"
_DAY = rf"(?:{any_of(name for name in _WEEKDAYS if len(name) > 2)})"
_MONTH = rf"(?:{any_of(_MONTHS)})\.?"
_HOURS = r"(?:ein|eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|[0-9]{1,2})"
_OF_MONTH = r"(?P<which>des|jedes|jeden|im) monats?"
_DAY_PARTS = "früh|morgen|vormittag|mittag|nachmittag|abend|nacht"
_AM = r"(?P<every>jeden )?(?:am )?"

_WORDS = Vocabulary(
    numbers=_NUMBERS,
    units=_UNITS,
    weekdays=_WEEKDAYS,
    months=_MONTHS,
    ordinals=_ORDINALS,
    last="letzten",
    every_month=("jedes", "jeden"),
    day=_DAY,
    term=_TERM,
)


def _clock(match: re.Match[str]) -> list[Piece]:
    return [clock(int(match[1]), int(match[2] or 0))]


def _clock_told(match: re.Match[str]) -> list[Piece]:
    """Read "halb neun" (8:30), "viertel nach acht", "zehn vor 5"."""
    read = _WORDS.clock_past if match[2] == "nach" else _WORDS.clock_to
    return read(match[1], match[3])


def _weekday_part(match: re.Match[str]) -> list[Piece]:
    day = frozenset((_WEEKDAYS[match["day"]],))
    return [Weekdays(day, match["every"] is not None), _PARTS[match["part"]]]


def _refuse_other(match: re.Match[str]) -> list[Piece]:
    raise Unread(f'"{match[0]}" cannot be kept exactly: name the days, as in "jeden Freitag um 8"')


GERMAN: Language = (
    *ISO,
    (Pattern(rf"in ({_TERMS})"), lambda it: [_WORDS.amount(it[1])]),
    # Dates come before times: both can be written with a dot.
    (
        Pattern(rf"{_AM}(?P<day>[0-9]{{1,2}})\. ?(?P<month>{_MONTH})(?: (?P<year>[0-9]{{4}}))?"),
        _WORDS.date,
    ),
    (
        Pattern(rf"{_AM}(?P<day>[0-9]{{1,2}})\. ?(?P<month>[0-9]{{1,2}})\. ?(?P<year>[0-9]{{4}})?"),
        _WORDS.date,
    ),
    (
        Pattern(rf"{_AM}(?P<day>letzten|{any_of(_ORDINALS)}|[0-9]{{1,2}}\.)(?: tag)? {_OF_MONTH}"),
        _WORDS.month_day,
    ),
    (Pattern(r"am ([0-9]{1,2})\."), lambda it: [MonthDay(int(it[1]))]),
    # Times of the day
    (Pattern(r"(?:um )?([0-9]{1,2})[:.]([0-9]{2})(?: uhr)?"), _clock),
    (Pattern(r"(?:um )?([0-9]{1,2}) uhr(?: ([0-9]{1,2}))?"), _clock),
    (
        Pattern(rf"(?:um )?(halb)( )({_HOURS})(?: uhr)?"),
        _clock_told,
    ),
    (
        Pattern(
            rf"(?:um )?(viertel|fünf|zehn|zwanzig|[0-9]{{1,2}}) (nach|vor) ({_HOURS})(?: uhr)?"
        ),
        _clock_told,
    ),
    (Pattern(rf"um ({_HOURS})(?: uhr)?"), lambda it: [clock(_WORDS.hour(it[1]))]),
    (Pattern(rf"({_HOURS}) uhr"), lambda it: [clock(_WORDS.hour(it[1]))]),
    (Pattern(r"und(?= (?:um )?[0-9]{1,2}(?:[:.][0-9]{2}| uhr))"), lambda _: []),
    (
        Pattern(rf"(heute|morgen|übermorgen) ?({_DAY_PARTS})"),
        lambda it: [DayOffset(_OFFSETS[it[1]]), _PARTS[it[2]]],
    ),
    (Pattern(r"heute|morgen|übermorgen"), lambda it: [DayOffset(_OFFSETS[it[0]])]),
    (
        Pattern(r"jeden (morgen|vormittag|mittag|nachmittag|abend)|(jede nacht)"),
        lambda it: [Repeat(Rhythm.DAY), _PARTS[it[1] or "nacht"]],
    ),
    (
        Pattern(r"(?:am |in der |um )?(" + "|".join(sorted(_PARTS, key=len, reverse=True)) + ")"),
        lambda it: [_PARTS[it[1]]],
    ),
    # Days
    (
        Pattern(r"werktags|(?:an werktagen)|jeden werktag|wochentags|unter der woche"),
        lambda _: [Weekdays(frozenset(range(5)), again=True)],
    ),
    (
        Pattern(r"jedes wochenende|an wochenenden|an jedem wochenende"),
        lambda _: [Weekdays(frozenset((5, 6)), again=True)],
    ),
    (
        Pattern(rf"(?:jeden |von )?({any_of(_WEEKDAYS)}) ?(?:bis|-|–) ?({any_of(_WEEKDAYS)})"),  # noqa: RUF001
        _WORDS.weekday_span,
    ),
    (
        Pattern(rf"(?P<every>jeden )?(?:am )?(?P<day>{_DAY}) ?(?P<part>{_DAY_PARTS})"),
        _weekday_part,
    ),
    (
        Pattern(rf"(?:am )?nächsten ({_DAY})"),
        _WORDS.next_weekday,
    ),
    (
        Pattern(
            r"(?P<every>jeden )?(?:am |diesen |kommenden )?"
            rf"(?P<days>{_DAY}s?(?:(?:, und |, | und |,)(?:jeden )?{_DAY}s?){{0,6}})"
        ),
        _WORDS.weekday_list,
    ),
    # Again and again
    (
        Pattern(r"jede[nrs]? (?:zweite|dritte|andere)[nrs]? \w+|alle zwei \w+ am|vierzehntägig"),
        _refuse_other,
    ),
    (Pattern(any_of(_RHYTHMS)), lambda it: [Repeat(_RHYTHMS[it[0]])]),
    (Pattern(r"jede[nr]? (halbe stunde)"), lambda it: [Interval(_WORDS.amount(it[1]))]),
    (
        Pattern(r"jede (sekunde|minute|viertelstunde|dreiviertelstunde|stunde|woche)"),
        lambda it: [Interval(_WORDS.amount(f"eine {it[1]}"))],
    ),
    (Pattern(rf"alle ({_TERMS})"), lambda it: [Interval(_WORDS.amount(it[1]))]),
)
"""What is understood, first match first."""
