"""What the rules find in what people say, and that nothing else comes of a turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.tools import TurnScope
from ruster.memory.learning.rules import RuleLearner, find_facts
from ruster.memory.records.checks import checked_record
from tests.unit.memory.learning.sentences import NOTHING, TOLD

SCOPE = TurnScope("a", "1000/a", "t-7", 1000, privileged=True, folder=Path("/nowhere"))
PIECES = [
    "I",
    "my",
    " ",
    ", ",
    ".",
    "?",
    "is called",
    "live in",
    "Hanoi",
    "and",
    '"',
    "`",
    "\n",
    "'",
]


def said(text: str, *origins: str) -> Message:
    return Message(Role.USER, text, origins=origins)


@pytest.mark.parametrize(("text", "expected"), TOLD)
def test_what_people_say(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(it.text, it.kind, it.slot) for it in find_facts(text)] == expected


@pytest.mark.parametrize("text", NOTHING)
def test_what_tells_nothing(text: str) -> None:
    assert find_facts(text) == []


def test_decisions_are_tagged_for_upkeep() -> None:
    assert find_facts("We decided to use Postgres")[0].tags == ("decision",)
    assert find_facts("I live in Hanoi")[0].tags == ()


def test_a_message_tells_a_bounded_number_of_things() -> None:
    assert len(find_facts(" ".join(f"I like thing{n}." for n in range(100)))) == 16


def test_of_a_long_message_only_the_ends_are_the_writers() -> None:
    pasted = "Some words of somebody else. I live in Rome.\n\n" * 200
    text = f"My cat is called Milo.\n\n{pasted}\n\nI like jazz."
    assert [it.text for it in find_facts(text)] == [
        "The user's cat is called Milo.",
        "The user likes jazz.",
    ]


@given(st.text(max_size=2000) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_can_be_read(text: str) -> None:
    for found in find_facts(text):
        record = Record(found.text, kind=found.kind, slot=found.slot, score=found.score)
        assert checked_record(record).text.strip()


@pytest.mark.parametrize(
    "piece",
    ["I live in ", "my ", "a, ", "and ", "I'll ", "A ", '"', "'", "`", "(", "remember that ", "x"],
)
def test_no_text_holds_the_rules_up(piece: str) -> None:
    """A pattern that tries everything would not come back within the test's time."""
    for text in (
        piece * 20_000,
        "I prefer " + piece * 20_000 + "!",
        "my " + piece * 100 + "\n" * 9,
    ):
        find_facts(text)


async def learn(*messages: Message, known: Sequence[Record] = ()) -> list[Record]:
    async def near(owner: int, text: str, limit: int) -> Sequence[Record]:
        assert owner == SCOPE.owner
        return known[:limit]

    learned = await RuleLearner(near).learn(SCOPE, "pinky/echo", messages)
    return [it.record for it in learned]


async def test_a_record_knows_where_it_comes_from() -> None:
    (record,) = await learn(said("I live in Hanoi"))
    assert (record.session, record.source, record.layer) == ("1000/a", "t-7", Layer.INSIGHTS)
    assert record.origins == ()
    assert record.score > 0.5


async def test_only_the_users_own_words_count() -> None:
    assert not await learn(
        Message(Role.SYSTEM, "I live in Rome"),
        Message(Role.ASSISTANT, "My name is Ruster. I live in Rome."),
        Message(Role.TOOL, "I live in Rome", name="web_fetch"),
        said("I live in Rome", "web:example.com"),
    )


async def test_nothing_is_learned_where_something_was_forgotten() -> None:
    told = said("I live in Hue now. Forget that I live in Hanoi.")
    assert await learn(told)
    assert not await learn(told, Message(Role.TOOL, "deleted", name="forget"))


async def test_what_the_model_kept_is_not_kept_twice() -> None:
    call = ToolCall("c-1", "remember", {"text": "The door code is 1234"})
    answered = Message(Role.ASSISTANT, "", tool_calls=(call,))
    told = said("Remember that the door code is 1234. Remember that the bins are blue.")
    assert [it.text for it in await learn(told, answered)] == ["The bins are blue."]


def test_half_characters_are_no_harm() -> None:
    (found,) = find_facts("I like \ud800 red \udfff wine")
    assert checked_record(Record(found.text)).text == "The user likes red wine."


async def test_what_holds_no_longer_ends_what_said_so() -> None:
    hanoi = Record("The user lives in Hanoi.", id="r-1")
    others = [Record("The user lives in Hanoi with a cat.", id="r-2"), Record("Hue", id="r-3")]

    async def near(owner: int, text: str, limit: int) -> Sequence[Record]:
        return [*others, hanoi]

    (learned,) = await RuleLearner(near).learn(SCOPE, "", [said("I don't live in Hanoi any more")])
    assert learned.supersedes == ("r-1",)
    assert learned.record.slot == ""
