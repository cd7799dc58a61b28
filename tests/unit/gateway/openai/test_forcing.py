"""Answers that have to be a call of a tool."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.gateway.openai.forcing import forced, read_forced

A = ToolSpec("a", "Does a.", {"type": "object", "$defs": {"X": {"type": "string"}}})
B = ToolSpec("b", "Does b.", {"type": "object", "$defs": {"X": {"type": "string"}}})
OTHER_X = ToolSpec("c", "Does c.", {"type": "object", "$defs": {"X": {"type": "number"}}})
SAID = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "go"))


def asked(*tools: ToolSpec) -> InferenceRequest:
    return InferenceRequest("m", SAID, tools=tools)


async def read(*events: InferenceEvent) -> list[InferenceEvent]:
    async def source() -> AsyncGenerator[InferenceEvent, None]:
        for event in events:
            yield event

    return [it async for it in read_forced(source(), (A, B))]


def test_the_form_of_a_call() -> None:
    one = forced(asked(A))
    assert one is not None
    schema: Any = one.config.behaviour.json_schema
    assert schema["properties"] == {"tool": {"const": "a"}, "arguments": {"type": "object"}}
    assert schema["$defs"] == A.parameters["$defs"]
    assert one.tools == ()
    assert [it.role for it in one.messages] == [Role.SYSTEM, Role.USER]
    assert one.messages[0].content.startswith("Be brief.")
    assert "Does a." in one.messages[0].content

    both = forced(asked(A, B))
    assert both is not None
    assert len((both.config.behaviour.json_schema or {})["anyOf"]) == 2


def test_what_no_schema_can_say() -> None:
    assert forced(asked()) is None
    assert forced(asked(A, OTHER_X)) is None  # two definitions of one name


async def test_a_call_is_read_from_pieces_and_the_usage_comes_before_the_end() -> None:
    text = json.dumps({"tool": "b", "arguments": {"n": 1}})
    told = await read(Content(text[:5]), Content(text[5:]), Usage(1, 2), Complete())
    assert isinstance(told[0], ToolCallRequest)
    assert (told[0].call.name, told[0].call.arguments) == ("b", {"n": 1})
    assert told[1:] == [Usage(1, 2), Complete(FinishReason.TOOL_CALLS)]


@pytest.mark.parametrize(
    "text",
    [
        "I will not.",
        "[1]",
        '{"tool": "unknown", "arguments": {}}',
        '{"tool": ["a"], "arguments": {}}',
        '{"tool": "a", "arguments": [1]}',
        '{"tool": "a", "arguments": {"n": NaN}}',
        "[" * 100_000,
    ],
)
async def test_other_forms_stay_text(text: str) -> None:
    assert await read(Content(text), Complete()) == [Content(text), Complete()]


async def test_nothing_is_held_back_without_a_bound() -> None:
    told = await read(Content("x" * 300_000), Content("y"), Complete())
    assert told == [Content("x" * 300_000), Content("y"), Complete()]


async def test_calls_in_a_models_own_form_are_passed_on() -> None:
    call = ToolCallRequest(ToolCall("1", "a", {}))
    assert await read(call, Complete()) == [call, Complete()]
