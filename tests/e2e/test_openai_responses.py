"""OpenAI's Responses API of a real daemon, asked by OpenAI's own client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.e2e.gateway import opened
from tests.e2e.openai_clients import CALL, OTHER, WEATHER, Trip, client_of, post, scripted

from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)


async def test_responses(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        first = await client.responses.create(model="pinky/echo", input="hello there")
        assert (first.output_text, first.status, first.model) == (
            "hello there",
            "completed",
            "pinky/echo",
        )
        assert first.usage is not None
        assert first.usage.total_tokens == 4
        items: Any = [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            *first.output,
            {"type": "message", "role": "user", "content": "two"},
        ]
        again = await client.responses.create(model="pinky/echo", input=items, instructions="x")
        assert again.output_text == "two"
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(
                model="pinky/echo", input="x", previous_response_id="resp_none"
            )


async def test_the_events_of_a_response(folder: Path) -> None:
    script = (
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "Hmm."),
        Content("He"),
        Content("llo"),
        Usage(3, 2),
    )
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        stream = await client.responses.create(model="scripted/any", input="x", stream=True)
        events: list[Any] = [it async for it in stream]
        with_helper = client.responses.stream(model="scripted/any", input="x")
        async with with_helper as helped:
            final = await helped.get_final_response()
    assert final.output_text == "Hello"
    assert [it.sequence_number for it in events] == list(range(len(events)))
    part = ["content_part.added", "{}.delta", "{}.done", "content_part.done"]
    text = [it.format("output_text") for it in (*part[:2], *part[1:])]
    expected = [
        *("created", "in_progress"),
        *("output_item.added", *(it.format("reasoning_text") for it in part), "output_item.done"),
        *("output_item.added", *text, "output_item.done"),
        "completed",
    ]
    assert [it.type.removeprefix("response.") for it in events] == expected
    last = events[-1].response
    assert (last.output_text, last.usage.output_tokens) == ("Hello", 2)
    assert [it.type for it in last.output] == ["reasoning", "message"]


async def test_functions_and_following_on(folder: Path) -> None:
    scripts = ((Content("Let me see."), ToolCallRequest(CALL)), (Content("Rain."),))
    providers = scripted(*scripts)
    tool: Any = {"type": "function", **WEATHER["function"], "strict": False}
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        stream = await client.responses.create(
            model="scripted/any", input="weather?", tools=[tool], instructions="A", stream=True
        )
        (done,) = [it async for it in stream if it.type == "response.completed"]
        called = done.response
        (call,) = [it for it in called.output if it.type == "function_call"]
        assert json.loads(call.arguments) == {"city": "Zürich"}
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        answer = await client.responses.create(
            model="scripted/any", input=[result], previous_response_id=called.id, store=False
        )
        assert answer.output_text == "Rain."
        asked = providers["scripted"].requests[1]
        assert [it.content for it in asked.messages] == ["weather?", "Let me see.", "rain"]
        assert asked.messages[1].tool_calls == (CALL,)
        items: Any = [{"role": "user", "content": "weather?"}, *called.output, result]
        await client.responses.create(model="scripted/any", input=items)
        assert providers["scripted"].requests[2].messages == asked.messages
        for lost, owner in ((answer.id, None), (called.id, OTHER)):  # not stored; somebody else's
            async with client_of(gate, owner=owner) as asking:
                with pytest.raises(openai.NotFoundError):
                    await asking.responses.create(
                        model="scripted/any", input="x", previous_response_id=lost
                    )


async def test_a_response_of_a_form_and_one_that_is_cut(folder: Path) -> None:
    scripts = (
        (Content('{"city": "Rome", "days": 3}'),),
        (Content("He"), Complete(FinishReason.LENGTH)),
        (Content(json.dumps({"tool": "weather", "arguments": {"city": "Rome"}})),),
    )
    providers = scripted(*scripts)
    tool: Any = {"type": "function", **WEATHER["function"], "strict": False}
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        parsed = await client.responses.parse(model="scripted/any", input="x", text_format=Trip)
        assert parsed.output_parsed == Trip(city="Rome", days=3)
        cut = await client.responses.create(model="scripted/any", input="x", max_output_tokens=1)
        assert cut.status == "incomplete"
        assert cut.incomplete_details is not None
        assert cut.incomplete_details.reason == "max_output_tokens"
        forced = await client.responses.create(
            model="scripted/any", input="x", tools=[tool], tool_choice="required"
        )
        assert [it.type for it in forced.output] == ["function_call"]
    assert providers["scripted"].requests[1].config.behaviour.max_tokens == 1


async def test_a_response_that_fails(folder: Path) -> None:
    scripts = (
        (ProviderError("it rests", code="engine_busy"),),
        (Content("He"), ProviderError("it broke", code="provider_stream_cut")),
    )
    async with opened(folder, providers=scripted(*scripts)) as gate, client_of(gate) as client:
        with pytest.raises(openai.InternalServerError) as early:
            await client.responses.create(model="scripted/any", input="x", stream=True)
        assert early.value.status_code == 503
        stream = await client.responses.create(model="scripted/any", input="x", stream=True)
        last: Any = [it async for it in stream][-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert last.response.error.message == "it broke"


@pytest.mark.parametrize(
    "fields",
    [
        {"input": []},
        {"input": [{}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
        {
            "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]}
            ]
        },
        {"input": [{"type": "function_call_output", "call_id": "none", "output": "x"}]},
        {"input": [{"type": "function_call", "call_id": "a", "name": "b", "arguments": "["}]},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": "required"},
        {"text": {"format": {"type": "json_schema"}}},
        {"background": True},
        {"conversation": "c"},
    ],
)
async def test_responses_that_cannot_be_had(folder: Path, fields: dict[str, Any]) -> None:
    async with opened(folder) as gate:
        body = {"model": "pinky/echo", "input": "x", **fields}
        reply = await post(gate, "/v1/responses", body)
        assert reply.status == 400
        assert json.loads(reply.body)["error"]["param"]
