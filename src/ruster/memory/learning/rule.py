"""One rule: a pattern for a clause, and what is known when it matches."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ruster.core.words import tokens
from ruster.memory.learning.reading import HIDDEN, Statement
from ruster.memory.learning.refusals import NOT_A_NAME, NOT_A_PLACE, POINTING, SECRET, VAGUE
from ruster.memory.learning.third_person import about_user, possessive, sentence, third_verb

__all__ = ["Found", "Rule", "found_in"]

_MAX_SLOT = 120
_FEWEST_OF_A_PLAN = 2
_NOT_IN_SLOTS = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a clause tells. ``denies`` is a text that is no longer true because of it."""

    text: str
    kind: str = "fact"
    slot: str = ""
    score: float = 0.6
    denies: str = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """What upkeep looks for: decisions outlive the talk they were made in."""
        return ("decision",) if self.kind == "decision" else ()


@dataclass(frozen=True, slots=True)
class Rule:
    """``text``, ``slot`` and ``denies`` are filled in with the pattern's groups.

    The pattern pays no heed to capitals. Without a text the clause itself is told in the third
    person. The groups ``name``, ``place`` and ``object`` must make sense alone, which a ``plan``
    need not; ``verb`` is told as it follows "the user".
    """

    pattern: str
    text: str = ""
    kind: str = "fact"
    slot: str = ""
    score: float = 0.6
    denies: str = ""

    def read(self, clause: str) -> Found | None:
        """Return what a clause tells by this rule."""
        match = _compiled(self.pattern).match(clause)
        if match is None:
            return None
        groups = {name: value or "" for name, value in match.groupdict().items()}
        if not _sound(groups) or HIDDEN in match[0]:
            return None
        told = {name: _told(name, value.strip()) for name, value in groups.items()}
        if "verb" in told:
            verb = third_verb(told["verb"])
            if verb is None:
                return None
            told["verb"] = verb
        text = self.text.format(**told) if self.text else about_user(match[0])
        if not text:
            return None
        slot = self.slot.format(**{name: _slug(name, value) for name, value in groups.items()})
        denies = sentence(self.denies.format(**told)) if self.denies else ""
        return Found(sentence(text), self.kind, slot[:_MAX_SLOT], self.score, denies)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is first used: all of them take too long for every start."""
    return re.compile(pattern, re.IGNORECASE)


def found_in(statement: Statement, rules: Iterable[Rule]) -> Found | None:
    """Return what a statement tells by the first rule that fits.

    What a person asks to be remembered is kept in any case, secrets too.
    """
    if SECRET.search(statement.text) and not statement.asked:
        return None
    for rule in rules:
        found = rule.read(statement.text)
        if found is not None:
            return found
    return _as_asked(statement.text) if statement.asked else None


def _as_asked(text: str) -> Found | None:
    if HIDDEN in text or not tokens(text) or len(text.split()) < 2:
        return None
    return Found(about_user(text) or sentence(text), score=0.8)


def _sound(groups: dict[str, str]) -> bool:
    name, place, thing = (groups.get(it, "") for it in ("name", "place", "object"))
    if name and name.split()[0].lower().rstrip(".") in NOT_A_NAME:
        return False
    if place and not _is_place(place):
        return False
    if thing and (VAGUE.match(thing) or POINTING.search(thing)):
        return False
    plan = groups.get("plan", "")
    if POINTING.search(plan) and len(tokens(plan)) < _FEWEST_OF_A_PLAN:
        return False
    return all(tokens(groups[it]) for it in ("object", "plan") if it in groups)


def _is_place(place: str) -> bool:
    first = re.split(r"[\s,]", place, maxsplit=1)[0]
    return first.lower() not in NOT_A_PLACE and any(it.isalpha() for it in place)


def _told(group: str, value: str) -> str:
    """Return a value as a text has it; names written small get their capital."""
    if group in ("name", "place") and value.islower():
        return value.capitalize()
    return possessive(value)


def _slug(group: str, text: str) -> str:
    """Return a value as a part of a slot; of objects only what they are found by."""
    words = " ".join(tokens(text)) if group == "object" else text.casefold()
    return _NOT_IN_SLOTS.sub("-", words).strip("-")
