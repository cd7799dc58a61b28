"""When a message asks that something be forgotten, and what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.learning.wishes import asks_to_forget, forget_request


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("forget that I live in Hanoi", "I live in Hanoi"),
        ("Please forget that I live in Hanoi.", "I live in Hanoi"),
        ("Hey, can you forget that I live in Hanoi?", "I live in Hanoi"),
        ("I want you to forget that I\u2019m allergic to nuts", "I'm allergic to nuts"),
        ("Forget I live in Hanoi", "I live in Hanoi"),
        ("forget my birthday", "my birthday"),
        ("Forget about my birthday, please.", "my birthday"),
        ("forget what I said about Bob", "Bob"),
        ("Forget everything I told you about Bob!", "Bob"),
        ("forget everything about the Hanoi project", "the Hanoi project"),
        ("forget all you know about my ex-wife", "my ex-wife"),
        ("ok now forget the fact that I smoke", "I smoke"),
        ("Please forget Milo", "Milo"),
        ("Delete what you know about Bob", "Bob"),
        ("delete everything you remember about my job", "my job"),
        ("forget my birthday from your memory", "my birthday"),
        ("You can forget that my cat is called Milo now", "my cat is called Milo"),
        ("Vergiss, dass ich in Berlin wohne", "ich in Berlin wohne"),
        ("Bitte vergiss meinen Geburtstag", "meinen Geburtstag"),
        ("vergiss alles \u00fcber Bob", "Bob"),
    ],
)
def test_wishes(text: str, what: str) -> None:
    assert asks_to_forget(text)
    assert forget_request(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "",
        "forget it",
        "Forget about it.",
        "forget that",
        "forget everything",
        "forget the last message",
        "forget to",
        "Don't forget that I live in Hanoi",
        "don't forget my birthday",
        "I forgot that I live in Hanoi",
        "did you forget my birthday?",
        "Never forget my birthday",
        "I keep forgetting my birthday",
        "Delete the file about Bob",
        "remove the memory leak in parser.c",
        "How do I forget Bob?",
        "She said to forget that I live in Hanoi",
        "remember that I live in Hanoi",
    ],
)
def test_other_messages(text: str) -> None:
    assert forget_request(text) is None


@given(st.text(max_size=500) | st.text("forget about my what I said ").map("forget ".__add__))
def test_any_text_can_be_asked(text: str) -> None:
    what = forget_request(text)
    assert what is None or what.strip()


@pytest.mark.parametrize(
    "piece", ["forget ", "please ", "what I ", "now ", " ", "about ", "said, "]
)
def test_no_text_holds_it_up(piece: str) -> None:
    forget_request(piece * 20_000)
    forget_request("forget " + piece * 20_000 + "x")
