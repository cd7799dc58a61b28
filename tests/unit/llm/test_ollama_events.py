"""Lines of a chat become neutral events, whatever a model mixes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.llm.ollama.events import ChatEvents
from ruster.llm.ollama.wire import ChatLine, parse
from tests.fakes.go_http import go_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
CALLS = st.lists(st.builds(lambda name: {"function": {"name": name, "arguments": {}}}, TEXT))
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"content": TEXT}, optional={"thinking": TEXT | st.none(), "tool_calls": CALLS | st.none()}
    )
)


def _take(*lines: dict[str, Any], show_thinking: bool = True) -> list[InferenceEvent]:
    events = ChatEvents(show_thinking=show_thinking)
    parsed = [parse(ChatLine, go_json(line)) for line in lines]
    return [event for line in parsed for event in events.take(line)]


@given(MESSAGES)
def test_thoughts_are_always_closed_before_anything_else(messages: list[dict[str, Any]]) -> None:
    events = _take(*({"message": message} for message in messages), {"done": True})

    open_ = False
    for event in events:
        if isinstance(event, Thought):
            assert open_ == (event.phase is not ThoughtPhase.START)
            open_ = event.phase is not ThoughtPhase.STOP
        else:
            assert not open_
    assert isinstance(events[-1], Complete)


@given(MESSAGES)
def test_no_text_and_no_call_is_lost(messages: list[dict[str, Any]]) -> None:
    events = _take(*({"message": message} for message in messages), {"done": True})
    said = "".join(event.text for event in events if isinstance(event, Content))
    thought = "".join(event.text for event in events if isinstance(event, Thought))
    calls = [event.call.name for event in events if isinstance(event, ToolCallRequest)]

    assert said == "".join(str(message["content"]) for message in messages)
    assert thought == "".join(str(message.get("thinking") or "") for message in messages)
    assert len(calls) == sum(len(m.get("tool_calls") or ()) for m in messages)


def test_a_thought_and_an_answer_in_one_line() -> None:
    assert _take({"message": {"content": "yes", "thinking": "hm"}}) == [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("yes"),
    ]


def test_a_tool_call_outranks_the_done_reason() -> None:
    call = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    events = _take(
        {"message": {"content": "", "tool_calls": [call]}}, {"done": True, "done_reason": "stop"}
    )

    assert isinstance(events[0], ToolCallRequest)
    assert events[0].call.arguments == {"a": 1}
    assert events[0].call.id.startswith("call_")
    assert events[-1] == Complete(FinishReason.TOOL_CALLS)


def test_length_is_told_and_anything_unknown_is_a_stop() -> None:
    assert _take({"done": True, "done_reason": "length"}) == [Complete(FinishReason.LENGTH)]
    assert _take({"done": True, "done_reason": "novel"}) == [Complete(FinishReason.STOP)]
    assert _take({"done": True}) == [Complete(FinishReason.STOP)]


def test_a_count_ollama_leaves_out_is_zero() -> None:
    assert _take({"done": True, "eval_count": 5}) == [Usage(prompt=0, completion=5), Complete()]


def test_hidden_thoughts_leave_no_trace() -> None:
    lines = ({"message": {"content": "", "thinking": "hm"}}, {"message": {"content": "yes"}})

    assert _take(*lines, show_thinking=False) == [Content("yes")]
