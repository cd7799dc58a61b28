"""What people say of themselves, told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.learning.third_person import about_user, possessive, third_verb


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I love my dog", "The user loves their dog."),
        ("I'm late", "The user is late."),
        ("I've a boat of my own", "The user has a boat of their own."),
        ("I am the one who knows me", "The user is the one who knows them."),
        ("I have two cats", "The user has two cats."),
        ("I go where we go", "The user goes where they go."),
        ("I never carry cash", None),  # carry is no verb that is known
        ("I study when I'm ill", "The user studies when they are ill."),
        ("I watch TV when I am ill", "The user watches TV when they are ill."),
        ("I don't eat pork", "The user doesn't eat pork."),
        ("I always pay my debts", "The user always pays their debts."),
        ("I painted it myself", "The user painted it themselves."),
        ("My code is 12", "The user's code is 12."),
        ("Our dog likes us", "The user's dog likes them."),
        ("I", None),
        ("", None),
        ("You know me", None),
        ("I'd rather not", None),
    ],
)
def test_told_of_the_user(said: str, told: str | None) -> None:
    assert about_user(said) == told


def test_verbs() -> None:
    verbs = ["do", "try", "play", "wash", "wish", "miss", "go", "be", "was", "tried"]
    assert [third_verb(it) for it in verbs] == [
        "does", "tries", "plays", None, "wishes", "misses", "goes", None, "was", "tried",
    ]  # fmt: skip


@given(st.text(max_size=300))
def test_any_text_can_be_told(text: str) -> None:
    possessive(text)
    about_user(text)
    about_user(f"I {text}")
    about_user(f"My {text}")
