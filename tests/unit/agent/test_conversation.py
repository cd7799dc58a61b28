"""Every prompt is one that every provider takes, and what models read first stays as it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruster.agent.compaction import summary_message
from ruster.agent.context import estimate_tokens
from ruster.agent.conversation import Conversation, Opening
from ruster.core.errors import ProviderError
from ruster.core.messages import Message, Role, ToolCall

TEXT = st.text(min_size=1, max_size=300)


@st.composite
def steps(draw: st.DrawFn, name: str) -> list[Message]:
    """Some steps of a model, each with calls and results, perhaps with the user in between."""
    said: list[Message] = []
    for number in range(draw(st.integers(0, 3))):
        calls = tuple(
            ToolCall(f"{name}.{number}.{n}", "tool", {"x": draw(TEXT)})
            for n in range(draw(st.integers(1, 3)))
        )
        said.append(Message(Role.ASSISTANT, draw(st.text(max_size=50)), tool_calls=calls))
        said += [
            Message(Role.TOOL, draw(st.text(min_size=1, max_size=3000)), tool_call_id=call.id)
            for call in calls
        ]
        if draw(st.booleans()):
            said.append(Message(Role.USER, draw(TEXT)))
    return said


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    turns: list[list[Message]] = []
    for number in range(draw(st.integers(0, 6))):
        turn = [Message(Role.USER, draw(TEXT)), *draw(steps(f"t{number}"))]
        turns.append([*turn, Message(Role.ASSISTANT, draw(TEXT))])
    current = [Message(Role.USER, draw(TEXT))]
    if draw(st.booleans()):
        current.append(Message(Role.USER, draw(TEXT)))
    summary = summary_message(draw(TEXT), ()) if draw(st.booleans()) else None
    context = draw(st.one_of(st.just(""), TEXT))
    opening = Opening("system", [*turns, current], summary, context)
    window, reserve = draw(st.integers(512, 8192)), draw(st.integers(0, 1024))
    return Conversation(opening, window, reserve, draw(steps("now")))


@given(conversations())
@settings(deadline=None, max_examples=300)
def test_every_prompt_is_valid_for_every_provider(conversation: Conversation) -> None:
    try:
        messages = conversation.fitted(100).messages
    except ProviderError:
        assert estimate_tokens(conversation.plain()) > conversation.window
        return
    system, *rest = messages
    assert (system.role, system.content) == (Role.SYSTEM, "system")
    assert rest[0].role is Role.USER
    assert not any(message.role is Role.SYSTEM for message in rest)
    assert all(message.content or message.tool_calls for message in messages)
    assert not any(a.role is b.role is Role.USER for a, b in pairwise(rest))
    _assert_calls_are_answered(rest)
    assert any(conversation.opening.context in message.content for message in rest)


def _assert_calls_are_answered(messages: list[Message]) -> None:
    """Each call's result stands right behind it, before anybody else says anything."""
    owed: list[str] = []
    for message in messages:
        if message.role is Role.TOOL:
            assert message.tool_call_id in owed
            owed.remove(str(message.tool_call_id))
            continue
        assert not owed
        owed = [call.id for call in message.tool_calls]
    assert not owed


@given(conversations())
@settings(deadline=None, max_examples=100)
def test_a_conversation_is_only_added_to(conversation: Conversation) -> None:
    """While all of it fits, a later step's prompt begins with all of the earlier one's."""
    wide = Conversation(conversation.opening, 10**6, 0)
    before = wide.fitted().messages
    for message in conversation.said:
        wide.said.append(message)
        if message.role is Role.USER:
            continue  # it may be joined to what was said last
        after = wide.fitted().messages
        assert after[: len(before)] == before
        before = after


def test_what_is_for_one_turn_alone_is_gone_in_the_next() -> None:
    first = [Message(Role.USER, "one")]
    one = Conversation(Opening("system", [first], context="SKILL"), 8192, 0).fitted().messages
    ended = [*first, Message(Role.ASSISTANT, "1")]
    opening = Opening("system", [ended, [Message(Role.USER, "two")]], context="OTHER")
    two = Conversation(opening, 8192, 0).fitted().messages
    assert "SKILL" in one[1].content
    assert [message.content for message in two[1:3]] == ["one", "1"]
    assert two[0] == one[0]
    assert two[3].content.endswith("two")


def test_long_results_are_cut_before_a_turn_is_refused() -> None:
    call = ToolCall("c1", "tool")
    said = [
        Message(Role.ASSISTANT, "", tool_calls=(call,)),
        Message(Role.TOOL, "begin " + "x" * 20_000 + " end", tool_call_id="c1"),
        Message(Role.ASSISTANT, "", tool_calls=(ToolCall("c2", "tool"),)),
        Message(Role.TOOL, "y" * 3000, tool_call_id="c2"),
    ]
    opening = Opening("system", [[Message(Role.USER, "look")]])
    messages = Conversation(opening, 4096, 512, said).fitted().messages
    assert estimate_tokens(messages) <= 4096 - 512
    assert messages[3].content.startswith("begin ")
    assert messages[3].content.endswith(" end")
    assert "characters left out" in messages[3].content
    assert messages[5].content == "y" * 3000  # the newest is cut last


def test_origins_survive_the_joining() -> None:
    doubtful = Message(Role.USER, "b", origins=("web:x",))
    opening = Opening("system", [[Message(Role.USER, "a"), doubtful]])
    assert Conversation(opening, 8192, 0).fitted().messages[1].origins == ("web:x",)


def test_a_message_that_can_never_fit_is_told() -> None:
    opening = Opening("system", [[Message(Role.USER, "x" * 100_000)]])
    with pytest.raises(ProviderError) as refused:
        Conversation(opening, 8192, 1024).fitted()
    assert refused.value.code == "context_overflow"
