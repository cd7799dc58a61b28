"""Which memories a wish to forget means: those that say all of it, and where they come from.

A memory is meant when it has all telling words of the wish, and denies or affirms as the wish does.
With it goes what it took the place of, if that is meant too, and what was said of it in the turn it
was learned from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ruster.core.memory import Record
from ruster.core.words import tokens
from ruster.memory.learning.rules import find_facts

__all__ = ["Wish", "sources_of"]

_MOST_WORDS = 4
_HALF = 0.5
_MINE = re.compile(
    r"(?:(?:what )?(?:my|our)|the user's|mein|meine|meinen) (?P<what>[^,;.]{2,60}?)"
    r"(?: is| are|'s)?\Z",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"(?:i|i'm|i've|i'll|my|we|our|ich|mein\w*|the user|he|she|it|they|there)\b|"
    r".*\b(?:is|are|was|has|have|am|hates?|loves?|likes?|lives?|works?)\b",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_DIGIT = re.compile(r"(?<!\w)\d(?!\w)")
_NEGATION = re.compile(
    r"\b(?:not|never|no|no longer|cannot|nicht|nie|kein\w*)\b|n't\b", re.IGNORECASE
)
_LIVES = {"mov": "liv", "based": "liv", "bas": "liv"}
_FEW = 2
"""Words below which a statement must be found as it stands: "I like jazz" has only "jazz"."""
_SAYS_LITTLE = frozenset(
    tokens("called named favourite favorite lives works prefer love like hate")
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be forgotten, as a person says it: "I live in Hanoi", "my birthday", "Bob"."""

    words: frozenset[str]
    mine: re.Pattern[str] | None
    slot: str
    denies: bool | None
    phrases: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Wish:
        """Read a wish; one without telling words means nothing."""
        plain = " ".join(text.replace("\u2019", "'").split()).strip(" .!?\"'")
        words = _telling(plain)
        mine, slot = None, ""
        possessed = _MINE.fullmatch(plain)
        if possessed is not None and 0 < len(words) <= _MOST_WORDS:
            thing = re.escape(possessed["what"]).replace("\\ ", r"\s+")
            mine = re.compile(
                rf"\b(?:my|our|mein\w*|the user's|user's|their)\s+(?:[^\W\d_]+\s+)?{thing}\b"
                rf"|\b{thing} des nutzers\b",
                re.IGNORECASE,
            )
            slot = "user." + re.sub(r"[^\w]+", "-", possessed["what"].casefold())
        denies = bool(_NEGATION.search(plain)) if _STATES.match(plain) and not mine else None
        phrases: tuple[str, ...] = ()
        if denies is not None and len(words) < _FEW:
            phrases = (plain, *(it.text for it in find_facts(plain)))
        return cls(words, mine, slot, denies, tuple(map(_folded, phrases)))

    def means(self, record: Record) -> bool:
        """Whether a record says what is to be forgotten."""
        if not self.words:
            return False
        if self.slot and (record.slot == self.slot or _part_of(record.slot, self.slot)):
            return True
        if self.mine is not None:
            return self.mine.search(record.text.replace("\u2019", "'")) is not None
        if self.denies is not None and self.denies != bool(_NEGATION.search(record.text)):
            return False
        if self.phrases:
            return any(it in _folded(record.text) for it in self.phrases)
        return self.words <= _telling(record.text)


def sources_of(facts: Iterable[Record], said: Sequence[Record]) -> list[Record]:
    """Return of what was said the parts that facts were learned from: half of their telling words
    in the same turn.
    """
    found: dict[str, Record] = {}
    for fact in facts:
        words = set(tokens(fact.text))
        telling = words - _SAYS_LITTLE or words
        for part in said:
            told = telling & set(tokens(part.text))
            if fact.source and fact.source == part.source and len(told) >= _HALF * len(telling):
                found[part.id] = part
    return list(found.values())


def _telling(text: str) -> frozenset[str]:
    """Return what a text is told from others by: its telling words, and single digits too."""
    words = [_LIVES.get(it, it) for it in tokens(text)]
    return frozenset([*words, *_DIGIT.findall(text)])


def _folded(text: str) -> str:
    return " " + " ".join(_WORD.findall(text.casefold().replace("\u2019", "'"))) + " "


def _part_of(slot: str, whole: str) -> bool:
    """Whether a slot is about something of the user's, such as ``user.my-cat.name`` of a cat."""
    return slot.startswith(f"{whole.replace('user.', 'user.my-', 1)}.")
