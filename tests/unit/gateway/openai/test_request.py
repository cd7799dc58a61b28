"""Requests in OpenAI's shape, as its clients send them, and what cannot be taken."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from ruster.core.errors import ProviderError
from ruster.core.inference import Behaviour, InferenceConfig, Sampling
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec
from ruster.gateway.api.failures import InvalidRequest, error_object, status_of
from ruster.gateway.openai.request import ChatRequest, read_request

PNG = b"\x89PNG\r\n\x1a\n"
DATA_URL = f"data:image/png;base64,{b64encode(PNG).decode()}"
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "get_time", "description": "Tell the time."}}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": '{"a": 1}'}}


def read(messages: Any = HELLO, **fields: Any) -> ChatRequest:
    body = {"model": "ollama/llama3.2", "messages": messages} | fields
    return read_request(json.dumps(body).encode())


def image(url: str) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": url, "detail": "low"}}]


def test_the_least_request_takes_the_defaults() -> None:
    defaults = InferenceConfig(Behaviour(max_tokens=99), Sampling(temperature=0.1))
    asked = read_request(
        json.dumps({"model": "ollama/llama3.2", "messages": HELLO}).encode(), defaults
    )

    assert asked.inference.model == "ollama/llama3.2"
    assert asked.inference.messages == (Message(Role.USER, "hello"),)
    assert asked.inference.config == defaults
    assert (asked.stream, asked.include_usage) == (False, False)


def test_every_knob() -> None:
    asked = read(
        stream=True,
        stream_options={"include_usage": True},
        temperature=0,
        top_p=0.5,
        top_k=3,
        min_p=0.1,
        repetition_penalty=1,
        seed=7,
        max_tokens=5,
        max_completion_tokens=6,
        stop="END",
        logprobs=True,
        top_logprobs=2,
        user="somebody",
        parallel_tool_calls=False,
    )

    assert asked.inference.config == InferenceConfig(
        Behaviour(max_tokens=6, stop=("END",)),
        Sampling(0, 0.5, 3, 0.1, 1, 7, logprobs=2),
    )
    assert (asked.stream, asked.include_usage) == (True, True)


def test_stops_are_one_or_many_and_logprobs_need_no_others() -> None:
    assert read(stop=["a", "b"]).inference.config.behaviour.stop == ("a", "b")
    assert read(logprobs=True).inference.config.sampling.logprobs == 0
    assert read(logprobs=False).inference.config.sampling.logprobs is None


def test_a_conversation_with_tools() -> None:
    asked = read(
        [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "What time is it?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        ],
        tools=[TOOL],
        tool_choice="auto",
    )

    assert asked.inference.messages == (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "What time is it?"),
        Message(Role.ASSISTANT, "", tool_calls=(ToolCall("c1", "get_time", {"a": 1}),)),
        Message(Role.TOOL, "noon", tool_call_id="c1", name="get_time"),
    )
    nothing = {"type": "object", "properties": {}}
    assert asked.inference.tools == (ToolSpec("get_time", "Tell the time.", nothing),)


def test_tools_can_be_held_back_or_chosen() -> None:
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
    named = {"type": "function", "function": {"name": "other"}}

    assert read(tools=[TOOL, other], tool_choice="none").inference.tools == ()
    assert len(read(tools=[TOOL, other], tool_choice="required").inference.tools) == 2
    (only,) = read(tools=[TOOL, other], tool_choice=named).inference.tools
    assert only == ToolSpec("other", "", {"type": "object"})


def test_pictures_and_texts_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, *image(DATA_URL), {"type": "text", "text": "b"}]
    (message,) = read([{"role": "user", "content": parts}]).inference.messages

    assert message == Message(Role.USER, "a\nb", images=(Image(PNG, "image/png"),))


def test_forms_of_answers() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}

    def form(**response_format: Any) -> object:
        return read(response_format=response_format).inference.config.behaviour.json_schema

    assert form(**wanted) == schema
    assert form(type="json_object") == {"type": "object"}
    assert form(type="text") is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "llama3.2"}, "model"),
        ({"model": 7}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [*HELLO, {"content": "x"}]}, "messages[1].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "audio"}]}]},
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "tool", "tool_call_id": "?", "content": ""}]},
            "messages[0].tool_call_id",
        ),
        (
            {"messages": [{"role": "user", "content": image("http://example.org/a.png")}]},
            "messages[0].content",
        ),
        (
            {"messages": [{"role": "user", "content": image("file:///a.png")}]},
            "messages[0].content",
        ),
        ({"messages": [{"role": "user", "content": image(DATA_URL + "!")}]}, "messages[0].content"),
        ({"messages": [{"role": "system", "content": image(DATA_URL)}]}, "messages[0].content"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}],
                    }
                ]
            },
            "messages[0].tool_calls.function.arguments",
        ),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "function", "function": {"name": "no"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_what_cannot_be_taken_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(**fields)

    assert (raised.value.param or "").startswith(param)
    assert status_of(raised.value) == 400
    assert error_object(raised.value) == {
        "error": {
            "message": raised.value.message,
            "type": "invalid_request_error",
            "param": raised.value.param,
            "code": "invalid_request",
        }
    }


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"model":"\xff"}', b"[" * 100_000, b"null"])
def test_bodies_that_are_no_request(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_request(data)


def test_statuses_of_other_errors() -> None:
    def status(code: str) -> int:
        return status_of(ProviderError("x", code=code))

    codes = ("model_not_found", "engine_busy", "provider_timeout", "provider_quota", "other")
    assert [status(code) for code in codes] == [404, 503, 504, 429, 500]
    assert error_object(ProviderError("x", code="engine_busy"))["error"]["type"] == "server_error"
