"""What fits: whole turns from the newest on, calls with their results, and nothing in between."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruster.agent.context import estimate_tokens, fit, joined
from ruster.core.errors import ProviderError
from ruster.core.messages import Message, Role, ToolCall

SYSTEM = Message(Role.SYSTEM, "system")
TEXT = st.text(max_size=300)


@st.composite
def turns(draw: st.DrawFn) -> list[list[Message]]:
    made = []
    for number in range(draw(st.integers(1, 12))):
        turn = [Message(Role.USER, f"<{number}>" + draw(TEXT))]
        for step in range(draw(st.integers(0, 2))):
            call = ToolCall(f"c{number}.{step}", "tool", {"x": draw(TEXT)})
            turn.append(Message(Role.ASSISTANT, draw(TEXT), tool_calls=(call,)))
            turn.append(Message(Role.TOOL, draw(TEXT), tool_call_id=call.id, name="tool"))
        if draw(st.booleans()) or len(turn) > 1:
            turn.append(Message(Role.ASSISTANT, draw(TEXT)))
        made.append(turn)
    return made


@given(turns(), st.integers(512, 4096), st.integers(0, 2048))
@settings(deadline=None, max_examples=200)
def test_whole_turns_are_left_out_from_the_front(
    given: list[list[Message]], window: int, reserve: int
) -> None:
    try:
        fitted = fit((SYSTEM,), given, window, reserve)
    except ProviderError as error:
        overflow: ProviderError | None = error
    else:
        overflow = None
    if overflow is not None:
        assert overflow.code == "context_overflow"
        assert estimate_tokens(given[-1]) > window
        return
    head, *rest = joined(fitted.messages)
    assert head == SYSTEM
    kept = given[fitted.dropped_turns :]
    assert kept[-1] is given[-1]
    # The same messages, but for neighbouring ones of the user, which are joined.
    assert _unjoined(rest) == _unjoined([m for turn in kept for m in turn])
    assert not any(a.role is b.role is Role.USER for a, b in pairwise(rest))
    calls = [call.id for message in rest for call in message.tool_calls]
    assert calls == [m.tool_call_id for m in rest if m.role is Role.TOOL]
    if len(kept) > 1:
        assert estimate_tokens([head, *(m for t in kept for m in t)]) <= window - reserve
    if fitted.dropped_turns:
        one_more = given[fitted.dropped_turns - 1 :]
        tokens = estimate_tokens([head, *(m for t in one_more for m in t)])
        assert tokens > window - reserve


def _unjoined(messages: list[Message]) -> list[tuple[Role, str]]:
    merged: list[tuple[Role, str]] = []
    for message in messages:
        if merged and message.role is Role.USER and merged[-1][0] is Role.USER:
            merged[-1] = (Role.USER, f"{merged[-1][1]}\n\n{message.content}")
        else:
            merged.append((message.role, message.content))
    return merged


def test_a_message_that_cannot_fit_is_refused() -> None:
    with pytest.raises(ProviderError) as caught:
        fit((SYSTEM,), [[Message(Role.USER, "x" * 100_000)]], 8192, 1024)
    assert caught.value.code == "context_overflow"


def test_a_tight_message_is_tried_alone() -> None:
    """The estimate errs on the large side: the model decides."""
    turns = [[Message(Role.USER, "old"), Message(Role.ASSISTANT, "answer")]] * 3
    fitted = fit((SYSTEM,), [*turns, [Message(Role.USER, "x" * 40_000)]], 8192, 1024)
    assert fitted.dropped_turns == 3
    assert len(fitted.messages) == 2


def test_the_estimate_counts_bytes_and_calls() -> None:
    ascii_text = estimate_tokens([Message(Role.USER, "x" * 350)])
    assert estimate_tokens([Message(Role.USER, "🦀" * 350)]) > 3 * ascii_text
    call = ToolCall("c", "tool", {"x": "y" * 350})
    assert estimate_tokens([Message(Role.ASSISTANT, "", tool_calls=(call,))]) > ascii_text
    assert estimate_tokens([Message(Role.USER, "half \ud800 a pair")]) > 0
