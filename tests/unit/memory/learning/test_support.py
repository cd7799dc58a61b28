"""Whether a text was said, and whether two texts tell one thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.learning.forgetting import Wish
from ruster.memory.learning.gate import may_last
from ruster.memory.learning.reading import Statement, statements
from ruster.memory.learning.slots import SLOTS, fitting_slot
from ruster.memory.learning.support import is_supported, says_the_same


@pytest.mark.parametrize(
    ("fact", "said", "supported"),
    [
        ("The user lives in Hue.", "Hue is where I live", True),
        ("The user lives in Hue.", "Hue is where she lives", False),
        ("The user lives in Hue and keeps bees.", "I live in Hue. I keep bees there.", True),
        ("The user lives in Hue.", "I don't live in Hue", False),
        ("The user does not live in Hue.", "I don't live in Hue", True),
        ("The user lives in Rome.", "I live in Hue", False),
        ("The user has 2 boats.", "I have 3 boats", False),
        ("The user has 3 boats.", "My 3 boats are old", True),
        ("The user lives in Hue.", 'I read "I live in Hue" somewhere', False),
        ("Der Nutzer wohnt in Ulm.", "In Ulm wohne ich gern", True),
        ("", "I live in Hue", False),
    ],
)
def test_supported(fact: str, said: str, supported: bool) -> None:
    assert is_supported(fact, statements(said)) == supported


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The user lives in Hue.", "The user is living in Hue", True),
        ("The user's family lives in Hue.", "The user's family lives in Hanoi.", False),
        ("The user has 3 boats.", "The user has 4 boats.", False),
        ("The user eats fish.", "The user does not eat fish.", False),
        ("The user likes red wine.", "The user likes white wine and old cheese.", False),
    ],
)
def test_the_same(one: str, other: str, same: bool) -> None:
    assert says_the_same(one, other) == says_the_same(other, one) == same


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("Nuts make me ill", True),
        ("My team meets on Mondays", True),
        ("the deadline for the thesis is Friday", True),
        ("Ich gehe jeden Montag schwimmen", True),
        ("I need a taxi to the station", False),
        ("I'm trying to install numpy", False),
        ("thanks for the help", False),
        ("show my files in the folder", False),
        ("The sky over Rome is blue", False),
        ("I am", False),
    ],
)
def test_what_may_last(text: str, lasts: bool) -> None:
    assert may_last(Statement(text)) == lasts
    assert may_last(Statement(text, asked=True))


def test_slots_are_the_users_own() -> None:
    assert fitting_slot("user.city", "The user lives in Hue.") == "user.city"
    assert fitting_slot("user.city", "The user's wife lives in Hue.") == ""
    assert fitting_slot("user.city", "The user used to live in Hue.") == ""
    assert fitting_slot("user.city", "The user no longer lives in Hue.") == ""
    assert fitting_slot("user.email", "The user's email is a@b.c") == "user.email"
    assert fitting_slot("user.boat", "The user lives on a boat.") == ""
    assert all(it.startswith("user.") for it in SLOTS)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_texts_can_be_compared(one: str, other: str) -> None:
    is_supported(one, [Statement(other), Statement(one)])
    says_the_same(one, other)
    Wish.of(one)
