"""Whether what a model made of a person's words is in those words.

A model may add, mix up and turn round what it read. So a fact counts only when most of its telling
words, and all of its names and numbers, were said in one place, by the one it is about, and as
plainly affirmed or denied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ruster.core.words import tokens
from ruster.memory.learning.reading import HIDDEN, Statement

__all__ = ["is_supported", "says_the_same", "shared_part"]

_LEAST_SHARE = 0.5
_SAME = 0.6
_WORD = re.compile(r"[^\W_]+")
_EXACT = re.compile(r"(?<![^\s(\"'])(?:(?-i:[A-ZÀ-Þ])[^\W_]*|[^\W_]*\d[^\W_]*)")
_NOT_NAMES = frozenset({"the", "user", "it", "they", "their", "der", "die", "das", "nutzer", "es"})
_FRAME = frozenset(tokens("Nutzer Nutzers"))
_NEGATION = re.compile(
    r"\b(?:not|never|no|no longer|without|nobody|nothing|cannot|nicht|nie|niemals|kein\w*|ohne)\b|"
    r"n't\b",
    re.IGNORECASE,
)
_OF_THE_USER = re.compile(r"(?:the user\b|der nutzer\b|des nutzers\b)", re.IGNORECASE)
_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'll|my|mine|me|we|we're|we've|we'll|our|us|ich|mein\w*|mir|mich|wir|uns\w*)\b",
    re.IGNORECASE,
)


def is_supported(fact: str, said: Sequence[Statement]) -> bool:
    """Whether a statement, or two that stand together, say what a fact says."""
    places = [it.text for it in said]
    places += [f"{one}. {next_one}" for one, next_one in pairwise(places)]
    return any(_says(place, fact) for place in places if HIDDEN not in place)


def shared_part(text: str, other: str) -> float:
    """Return which part of a text's telling words another one has."""
    words = set(tokens(text)) - _FRAME
    return len(words & set(tokens(other))) / len(words) if words else 0.0


def says_the_same(text: str, other: str) -> bool:
    """Whether two texts tell one fact: the same names and numbers, and most telling words."""
    if _exact(text) != _exact(other):
        return False
    if bool(_NEGATION.search(text)) != bool(_NEGATION.search(other)):
        return False
    return min(shared_part(text, other), shared_part(other, text)) >= _SAME


def _says(place: str, fact: str) -> bool:
    if shared_part(fact, place) < _LEAST_SHARE:
        return False
    if bool(_NEGATION.search(fact)) != bool(_NEGATION.search(place)):
        return False
    if _OF_THE_USER.search(fact) and not _FIRST_PERSON.search(place):
        return False
    return _exact(fact) <= {it.casefold() for it in _WORD.findall(place)}


def _exact(text: str) -> set[str]:
    """Return a text's names and numbers, which must not differ by anything."""
    words = {it.casefold() for found in _EXACT.findall(text) for it in _WORD.findall(found)}
    return words - _NOT_NAMES
