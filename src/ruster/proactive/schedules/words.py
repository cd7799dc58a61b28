"""Times and rhythms from a person's words, English or German, ISO 8601 or cron; no model.

Nothing is passed over: one word that is not understood, and nothing is. Where words leave a choice
it is a fixed one: hours are those of 24 unless am, pm or a part of the day says otherwise; a day
without a time is meant at 9:00; a bare time that is over is tomorrow's; the next Tuesday is the
first one after today. What somebody means by a time in a gap of the clock is its end, by one that
is shown twice the first.
"""

from __future__ import annotations

import re

from ruster.core.errors import JobError
from ruster.proactive.schedules.cron import parse_cron
from ruster.proactive.schedules.english import ENGLISH
from ruster.proactive.schedules.german import GERMAN
from ruster.proactive.schedules.meaning import Past, schedule_of
from ruster.proactive.schedules.pieces import Language, Unread, read
from ruster.proactive.schedules.schedule import Schedule
from ruster.proactive.schedules.wall import zone_of

__all__ = ["EXAMPLES", "parse_when", "split_reminder"]

EXAMPLES = '"in 20 minutes", "tomorrow at 9:00", "every weekday at 8:30"'
_MAX_CHARS = 200
_LANGUAGES: tuple[Language, ...] = (ENGLISH, GERMAN)
# A stop behind a number is part of a German date.
_SENTENCE_END = re.compile(r"(?:[ !?]|(?<![0-9])\.)+$")
_CRON_WORD = re.compile(r"(?:[0-9*/,l-]|[a-z]{3}(?=[,/-]|$))+")
_MAX_SENTENCE_CHARS = 2000
_MOST_WORDS = 16
_ASKED = re.compile(
    r"(?P<before>.*?)\b(?:remind me|set (?:me )?a reminder(?: for)?|erinner[en]? mich|"
    r"erinnern sie mich)(?: please| bitte)?(?P<after>[ ,:].+)",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"(?:(?:hey|hi|hallo|ruster|can you|could you|will you|would you|please|and|then|kannst du|"
    r"könntest du|bitte|und|dann)[ ,]*)*",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:[:,] |[:,]? (?:to|that|about|of|daran,? dass|daran,?|dass|an|ans|zu) )", re.IGNORECASE
)
# A time behind one of these belongs to what is to be said, or is not the whole of the time.
_BINDING = re.compile(
    r"a|about|after|an|and|before|between|but|by|each|every|except|for|from|last|my|not|of|or|our|"
    r"since|that|the|their|this|till|to|until|unless|your|"
    r"ab|aber|alle|außer|bis|de[mnrs]|die|das|für|jede[nrs]?|mein|nach|nicht|oder|ohne|seit|um|und|"
    r"unser|vo[mn]|vor|zu[mr]|zwischen",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\b(?:every|each|daily|weekly|hourly|monthly|alle|jede[nrs]?|täglich|stündlich)\b",
    re.IGNORECASE,
)


def parse_when(text: str, now: float, zone: str) -> Schedule:
    """Return what a text means at ``now`` in a zone.

    Raises JobError: ``when_invalid`` with what was not understood, ``when_past`` when it is over.
    """
    if len(text) > _MAX_CHARS:
        raise _invalid(f"a time has at most {_MAX_CHARS} characters")
    words = _SENTENCE_END.sub("", " ".join(text.lower().split()))
    if not words or not words.isprintable():
        raise _invalid("there is no time in it")
    if _is_cron(words):
        return parse_cron(words, zone)
    place = zone_of(zone)
    reasons: list[Unread] = []
    for language in _LANGUAGES:
        try:
            return schedule_of(read(words, language), now, zone, place)
        except Unread as reason:
            reasons.append(reason)
        except Past:
            raise JobError(
                f"{text.strip()[:60]!r} is over already; say a time that comes, such as {EXAMPLES}",
                code="when_past",
            ) from None
    # The language that read more of it knows better what is wrong.
    raise _invalid(str(min(reasons, key=lambda it: it.rest)))


def _is_cron(words: str) -> bool:
    if words.startswith("@"):
        return True
    parts = words.split()
    return len(parts) in (5, 6) and ("*" in parts or all(_CRON_WORD.fullmatch(it) for it in parts))


def _invalid(reason: str) -> JobError:
    return JobError(
        f"that is no time I can read: {reason}. Say it like {EXAMPLES}", code="when_invalid"
    )


def split_reminder(text: str, now: float, zone: str) -> tuple[Schedule, str] | None:
    """Return when a sentence wants to remind of what; None if it does not ask so, or unclearly.

    Raises JobError (``when_past``) when the time is over.
    """
    zone_of(zone)
    sentence = " ".join(text.split()).rstrip(".!? ")
    asked = _ASKED.fullmatch(sentence)
    if len(text) > _MAX_SENTENCE_CHARS or not sentence.isprintable() or asked is None:
        return None
    before = asked["before"][_matched(_COURTESY, asked["before"]) :].strip(" ,")
    after = asked["after"]
    if before:
        link = _LINK.match(after)
        schedule = _understood(before, now, zone) if link else None
        return (schedule, after[link.end() :]) if link and schedule else None
    return _time_first(after, now, zone) or _time_last(after, now, zone)


def _time_first(after: str, now: float, zone: str) -> tuple[Schedule, str] | None:
    links = [it for it in _LINK.finditer(after[: _MAX_CHARS + 20]) if it.start() > 0]
    for link in reversed(links):
        schedule = _understood(after[: link.start()], now, zone)
        if schedule is not None:
            return schedule, after[link.end() :].strip()
    return None


def _time_last(after: str, now: float, zone: str) -> tuple[Schedule, str] | None:
    link = _LINK.match(after)
    words = after[link.end() :].split() if link else []
    for at in range(max(1, len(words) - _MOST_WORDS), len(words)):
        bound = _BINDING.fullmatch(words[at - 1].strip(",;")) is not None
        try:
            schedule = _understood(" ".join(words[at:]), now, zone)
        except JobError:
            if bound:
                return None
            raise
        if schedule is not None:
            said = " ".join(words[:at])
            return None if bound or _AGAIN.search(said) else (schedule, said.rstrip(",;"))
    return None


def _matched(form: re.Pattern[str], text: str) -> int:
    match = form.match(text)
    return match.end() if match else 0


def _understood(text: str, now: float, zone: str) -> Schedule | None:
    """Return what a text means, or None; raises JobError for a time that is over."""
    try:
        return parse_when(text, now, zone)
    except JobError as error:
        if error.code == "when_past":
            raise
        return None
