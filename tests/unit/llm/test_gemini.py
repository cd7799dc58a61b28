"""The Gemini provider against the shapes of AI Studio and Vertex AI, split anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    Sampling,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec
from ruster.llm.gemini.address import address_of
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.gemini.schema import to_gemini
from ruster.llm.settings import LlmSettings
from tests.fakes.gemini_answers import Answer, chunk_of, gemini_event
from tests.fakes.gemini_server import FakeGemini
from tests.fakes.hosted import at
from tests.fakes.inference import ask, collect, text_of

FLASH = "gemini-2.5-flash"
KEYS = {"GEMINI_API_KEY": "AIza-canary-1"}
ANSWERS = {
    "plain": Answer(("Hé", "llo 🦙", ' <b>&"'), cached=7),
    "thinking": Answer(("4",), thoughts=("2 + 2", " is…")),
    "calling": Answer((), calls=(("weather", {"city": "Zürich"}, "c2ln"), ("time", {}, None))),
    "length": Answer(("cut",), finish="MAX_TOKENS"),
    "empty": Answer(()),
}
EXPECTED: dict[str, list[InferenceEvent]] = {
    "plain": [*map(Content, ANSWERS["plain"].content), Usage(12, 3, cached=7), Complete()],
    "thinking": [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "2 + 2"),
        Thought(ThoughtPhase.DELTA, " is…"),
        Thought(ThoughtPhase.STOP),
        Content("4"),
        Usage(12, 3),
        Complete(),
    ],
    "length": [Content("cut"), Usage(12, 1), Complete(FinishReason.LENGTH)],
    "empty": [Usage(12, 1), Complete()],
}
WEATHER = ToolSpec(
    "weather",
    "Tell the weather",
    {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False},
)


@pytest.fixture
async def server() -> AsyncIterator[FakeGemini]:
    """A fake Gemini that at the end must be left without connections."""
    async with FakeGemini(key="AIza-canary-1") as running:
        yield running
        async with asyncio.timeout(5):
            await running.wait_closed()


@pytest.fixture
async def gemini(server: FakeGemini) -> AsyncIterator[GeminiProvider]:
    """A provider on that server."""
    provider = GeminiProvider(at("gemini", server.url, variables=KEYS))
    yield provider
    await provider.aclose()


def _in_memory(pieces: list[bytes]) -> GeminiProvider:
    """Return a provider whose chats are answered with exactly these pieces of a body."""

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Body())

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return GeminiProvider(at("gemini", "http://box", variables=KEYS), client)


@pytest.mark.parametrize("name", EXPECTED)
async def test_each_shape_of_answer(server: FakeGemini, gemini: GeminiProvider, name: str) -> None:
    server.answer = ANSWERS[name]

    assert await collect(gemini, ask(FLASH)) == [ProcessStart(), *EXPECTED[name]]


async def test_calls_get_ids_and_keep_their_signatures(
    server: FakeGemini, gemini: GeminiProvider
) -> None:
    server.answer = ANSWERS["calling"]
    events = await collect(gemini, ask(FLASH))
    calls = [event.call for event in events if isinstance(event, ToolCallRequest)]

    assert [(c.name, c.arguments, c.signature) for c in calls] == [
        ("weather", {"city": "Zürich"}, "c2ln"),
        ("time", {}, None),
    ]
    assert all(len(call.id) == 13 and call.id.startswith("call_") for call in calls)
    assert events[-2:] == [Usage(12, 2), Complete(FinishReason.TOOL_CALLS)]


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_body_split_in_two_at_every_byte(name: str) -> None:
    body = b"".join(ANSWERS[name].events())
    for place in range(len(body) + 1):
        events = await collect(_in_memory([body[:place], body[place:]]), ask(FLASH))
        assert events[1:] == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_body_in_single_bytes(name: str) -> None:
    body = b"".join(ANSWERS[name].events())
    single = [body[place : place + 1] for place in range(len(body))]

    assert (await collect(_in_memory(single), ask(FLASH)))[1:] == EXPECTED[name]


async def test_a_body_cut_before_its_end_is_one_error_that_may_be_retried() -> None:
    body = b"".join(ANSWERS["thinking"].events())
    for end in range(len(body) - 5):  # without its last brackets and line ends it is not whole
        with pytest.raises(ProviderError) as raised:
            await collect(_in_memory([body[:end]]), ask(FLASH))
        assert (raised.value.code, raised.value.retryable) == ("provider_stream_cut", True)


@given(st.binary(max_size=200), st.integers(0, 900), st.integers(0, 40), st.integers(1, 50))
@settings(deadline=None)
def test_damage_anywhere_ends_in_an_answer_or_one_typed_error(
    damage: bytes, place: int, removed: int, size: int
) -> None:
    body = b"".join(ANSWERS["calling"].events())
    body = body[:place] + damage + body[place + removed :]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    assert asyncio.run(_outcome(_in_memory(pieces))) in {
        "answered",
        "provider_blocked",
        "provider_failed",
        "provider_protocol",
        "provider_stream_cut",
    }


async def _outcome(provider: GeminiProvider) -> str:
    try:
        events = await collect(provider, ask(FLASH))
    except ProviderError as error:
        return error.code
    return "answered" if isinstance(events[-1], Complete) else "unfinished"


async def test_the_signature_of_a_thought_goes_with_the_call_after_it() -> None:
    body = gemini_event(chunk_of([{"text": "hm", "thought": True, "thoughtSignature": "c2ln"}]))
    body += gemini_event(chunk_of([{"functionCall": {"name": "f", "id": "x1"}}], "STOP"))
    events = await collect(_in_memory([body]), ask(FLASH))

    assert ToolCallRequest(ToolCall("x1", "f", {}, "c2ln")) in events


CONVERSATION = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Look", images=(Image(b"\x89PNG"),)),
    Message(
        Role.ASSISTANT,
        "I see.",
        (ToolCall("c1", "weather", {"city": "Zürich"}, "c2ln"), ToolCall("c2", "time", {})),
    ),
    Message(Role.TOOL, "rain", tool_call_id="c1"),
    Message(Role.TOOL, "noon", tool_call_id="c2", name="time"),
)


async def test_a_conversation_is_written_as_gemini_wants_it(
    server: FakeGemini, gemini: GeminiProvider
) -> None:
    await collect(gemini, InferenceRequest(FLASH, CONVERSATION, tools=(WEATHER,)))
    body = server.chats[0]

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "Look"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "I see."},
                {
                    "functionCall": {"name": "weather", "args": {"city": "Zürich"}},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"name": "time", "args": {}}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"result": "rain"}}},
                {"functionResponse": {"name": "time", "response": {"result": "noon"}}},
            ],
        },
    ]
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tell the weather",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                }
            ]
        }
    ]


async def test_a_call_of_another_model_stands_without_a_signature_of_its_own(
    server: FakeGemini, gemini: GeminiProvider
) -> None:
    said = (
        Message(Role.USER, "now?"),
        Message(Role.ASSISTANT, "", (ToolCall("c2", "time", {}),)),
        Message(Role.TOOL, "noon", tool_call_id="c2"),
    )
    for model in (FLASH, "gemini-2.0-flash"):
        await collect(gemini, InferenceRequest(model, said))
    parts = [chat["contents"][1]["parts"][0] for chat in server.chats]

    assert parts[0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in parts[1]


async def test_every_setting_has_its_field(server: FakeGemini, gemini: GeminiProvider) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    behaviour = Behaviour(max_tokens=7, stop=("END",), json_schema=schema)
    sampling = Sampling(0.1, 0.2, 3, 0.4, 1.5, seed=6)
    await collect(gemini, ask(FLASH, behaviour=behaviour, sampling=sampling))

    assert server.chats[0]["generationConfig"] == {
        "temperature": 0.1,
        "topP": 0.2,
        "topK": 3,
        "seed": 6,
        "maxOutputTokens": 7,
        "stopSequences": ["END"],
        "responseMimeType": "application/json",
        "responseSchema": schema,
        "thinkingConfig": {"includeThoughts": True},
    }


async def test_a_model_that_refuses_to_think_is_asked_once(
    server: FakeGemini, gemini: GeminiProvider
) -> None:
    server.thoughtless = {FLASH}
    for _ in range(2):
        assert text_of(await collect(gemini, ask(FLASH))).startswith("Hello!")

    asked = ["thinkingConfig" in chat["generationConfig"] for chat in server.chats]
    assert asked == [True, False, False]


async def test_older_models_are_not_asked_for_thoughts(
    server: FakeGemini, gemini: GeminiProvider
) -> None:
    await collect(gemini, ask("gemini-2.0-flash"))

    assert "thinkingConfig" not in server.chats[0]["generationConfig"]


async def test_models_that_chat_with_their_windows(gemini: GeminiProvider) -> None:
    listed = {model.id: model.context_size for model in await gemini.models()}

    assert listed == {
        "gemini/gemini-2.5-flash": 1_048_576,
        "gemini/gemini-2.0-flash": 1_000_000,
        "gemini/gemma-3-27b-it": 131_072,
    }
    assert await gemini.context_size("models/gemini-2.0-flash") == 1_000_000


async def test_the_key_goes_into_a_header_only(server: FakeGemini, gemini: GeminiProvider) -> None:
    await collect(gemini, ask(FLASH))
    request = server.requests[0]

    assert request.headers["x-goog-api-key"] == "AIza-canary-1"
    assert "canary" not in request.path


async def test_vertex_ai(server: FakeGemini) -> None:
    hosted = at(
        "gemini",
        server.url,
        variables={"TOKEN": "AIza-canary-1"},
        project="my-project",
        location="europe-west4",
        api_key_env="TOKEN",
    )
    vertex = GeminiProvider(hosted)

    assert text_of(await collect(vertex, ask(FLASH))).startswith("Hello!")
    assert server.requests[0].path == (
        "/v1/projects/my-project/locations/europe-west4/publishers/google/models/"
        "gemini-2.5-flash:streamGenerateContent?alt=sse"
    )
    assert server.requests[0].headers["authorization"] == "Bearer AIza-canary-1"
    assert await vertex.context_size("anything") == 1_048_576
    with pytest.raises(ProviderUnreachable, match="does not list"):
        await vertex.models()
    await vertex.aclose()


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "https://generativelanguage.googleapis.com/v1beta"),
        ({"base_url": "http://box/v1"}, "http://box/v1"),
        (
            {"project": "p"},
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
        ),
        (
            {"project": "p", "location": "us-central1"},
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"
            "/publishers/google",
        ),
    ],
)
def test_addresses(settings: dict[str, Any], base: str) -> None:
    assert address_of(at("gemini", **settings)).base == base


def test_a_models_name_cannot_leave_its_place() -> None:
    path = address_of(at("gemini")).stream("../../x?key=1#y")

    assert path == "/models/..%2F..%2Fx%3Fkey%3D1%23y:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("header", ["x-proxy-auth", "authorization"])
async def test_through_a_proxy_no_key_is_needed_or_sent(header: str) -> None:
    async with FakeGemini(token="t0ken-123") as proxy:
        llm = LlmSettings.model_validate(
            {
                "proxy_url": f"{proxy.url}/",
                "proxy_auth_token": SecretStr("t0ken-123"),
                "proxy_auth_header": header,
            }
        )
        gemini = GeminiProvider(at("gemini", variables=KEYS, llm=llm))

        assert text_of(await collect(gemini, ask(FLASH))).startswith("Hello!")
        assert f"gemini/{FLASH}" in [model.id for model in await gemini.models()]
        assert all(r.path.startswith("/gemini/v1beta/models") for r in proxy.requests)
        assert "canary" not in str([request.headers for request in proxy.requests])
        await gemini.aclose()


async def test_without_a_key_another_model_is_tried_and_nothing_is_listed() -> None:
    gemini = GeminiProvider(at("gemini"))

    with pytest.raises(ProviderUnreachable, match="set GEMINI_API_KEY") as raised:
        await collect(gemini, ask(FLASH))
    assert raised.value.code == "provider_key_missing"
    assert await gemini.models() == []


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "$schema": "x", "default": "a"}, {"type": "string"}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"type": "string", "format": "uri"}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (
            {"$defs": {"A": {"type": "integer"}}, "items": {"$ref": "#/$defs/A"}, "type": "array"},
            {"type": "array", "items": {"type": "integer"}},
        ),
        ({"$ref": "#/$defs/none", "description": "d"}, {"description": "d"}),
        ({"properties": {"a": True}}, {"properties": {"a": {}}}),
    ],
)
def test_a_schema_keeps_what_gemini_understands(
    schema: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert to_gemini(schema) == kept


def test_a_schema_that_holds_itself_ends() -> None:
    circle = {"type": "object", "properties": {"next": {"$ref": "#"}}}

    assert str(to_gemini(circle)).count("next") < 100


@pytest.mark.parametrize("fan", ["circle", "tree"])
def test_a_schema_that_grows_without_end_is_bounded(fan: str) -> None:
    """Somebody else's tool may bring it; the loop must not stop for it."""
    if fan == "circle":
        node = {"type": "object", "properties": {n: {"$ref": "#/$defs/n"} for n in "abcd"}}
        definitions = {"n": node}
    else:
        definitions = {
            f"n{level}": {
                "type": "object",
                "properties": {n: {"$ref": f"#/$defs/n{level + 1}"} for n in "abcd"},
            }
            for level in range(30)
        }
        definitions["n"] = {"$ref": "#/$defs/n0"}
    found = to_gemini({"$ref": "#/$defs/n", "$defs": definitions})
    assert found["type"] == "object"
    assert len(json.dumps(found)) < 500_000
