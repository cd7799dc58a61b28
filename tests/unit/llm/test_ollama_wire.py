"""What is sent to Ollama, and what its answers about models mean."""

from __future__ import annotations

import json

import pytest

from ruster.core.errors import ProviderError
from ruster.core.inference import Behaviour, InferenceConfig, InferenceRequest, Sampling
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.llm.ollama.wire import ChatLine, ShowAnswer, chat_body, parse, parse_error
from ruster.llm.wire import is_json
from tests.fakes.inference import ask
from tests.fakes.ollama_answers import Answer

WEATHER = ToolSpec("weather", "Tell the weather", {"type": "object", "properties": {}})


def test_every_sampling_and_behaviour_setting_has_its_option() -> None:
    sampling = Sampling(0.1, 0.2, 3, 0.4, 1.5, seed=6)
    request = ask("m", sampling=sampling, behaviour=Behaviour(max_tokens=7, stop=("END",)))

    assert chat_body(request, num_ctx=4096, think=False)["options"] == {
        "num_ctx": 4096,
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "min_p": 0.4,
        "repeat_penalty": 1.5,
        "seed": 6,
        "num_predict": 7,
        "stop": ["END"],
    }


def test_what_is_not_set_is_not_sent() -> None:
    body = chat_body(ask("m"), num_ctx=4096, think=False)

    assert set(body) == {"model", "messages", "stream", "options"}
    assert not {"seed", "num_predict", "stop"} & set(body["options"])


def test_tools_and_thinking_are_offered_in_ollamas_shape() -> None:
    body = chat_body(ask("m", tools=(WEATHER,)), num_ctx=1, think=True)

    assert body["think"] is True
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tell the weather",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]


def test_a_conversation_with_a_tool_goes_round() -> None:
    said = (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.USER, "weather?"),
        Message(Role.ASSISTANT, "", (ToolCall("call_1", "weather", {"city": "Rome"}),)),
        Message(Role.TOOL, "sunny", tool_call_id="call_1", name="weather"),
    )

    assert chat_body(InferenceRequest("m", said), num_ctx=1, think=False)["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
            ],
        },
        {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "call_1"},
    ]


def test_the_body_is_json() -> None:
    config = InferenceConfig(Behaviour(stop=("a", "b")))
    request = InferenceRequest("m", (Message(Role.USER, "é🦙"),), config, (WEATHER,))

    json.dumps(chat_body(request, num_ctx=1, think=True), allow_nan=False)


@pytest.mark.parametrize(
    ("show", "window"),
    [
        ({}, None),
        ({"model_info": {}}, None),
        ({"model_info": None, "parameters": None}, None),
        ({"model_info": {"general.architecture": "llama", "llama.context_length": 8192}}, 8192),
        ({"model_info": {"general.architecture": "qwen3", "llama.context_length": 8192}}, None),
        ({"model_info": {"general.architecture": "a", "a.context_length": "8192"}}, None),
        ({"parameters": 'stop  "x"\nnum_ctx                        4096'}, 4096),
        (
            {
                "parameters": "num_ctx 4096",
                "model_info": {"general.architecture": "a", "a.context_length": 2048},
            },
            2048,
        ),
        ({"parameters": "num_ctx 0"}, None),
        ({"parameters": "num_ctx_like 5"}, None),
    ],
)
def test_the_window_is_the_smallest_a_model_declares(
    show: dict[str, object], window: int | None
) -> None:
    assert parse(ShowAnswer, json.dumps(show).encode()).window() == window


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error":"no \\u003cthink\\u003e"}', "no <think>"),
        (b'{"error":{"message":"quota","code":1}}', "quota"),
        (b'{"error":{"code":1}}', "{'code': 1}"),
        (b'{"error":""}', None),
        (b"{}", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_error_bodies(body: bytes, sentence: str | None) -> None:
    assert parse_error(body) == sentence


def test_unknown_fields_are_ignored() -> None:
    line = parse(ChatLine, b'{"message":{"content":"a","images":null},"logprobs":[],"new":{}}')

    assert line.message is not None
    assert line.message.content == "a"


def test_a_cut_line_is_never_taken_for_a_whole_one() -> None:
    for line in Answer(("é\n🦙",), tool_calls=(("f", {"a": [1, {"b": 2}]}),)).lines("m"):
        whole = line.rstrip(b"\n")
        assert is_json(whole)
        assert not any(is_json(whole[:end]) for end in range(len(whole)))


def test_rubbish_is_quoted_shortly() -> None:
    with pytest.raises(ProviderError) as raised:
        parse(ChatLine, b"x" * 1000)

    assert len(raised.value.message) < 200
