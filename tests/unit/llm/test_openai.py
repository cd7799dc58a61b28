"""The OpenAI-compatible provider against the shapes of several servers, split anywhere."""

from __future__ import annotations

import asyncio
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
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.settings import LlmSettings
from tests.fakes.hosted import at
from tests.fakes.inference import ask, collect, text_of
from tests.fakes.openai_answers import DONE, Answer, chunk_of
from tests.fakes.openai_server import FakeOpenAi
from tests.fakes.sse_faults import event, status

PLAIN = Answer(("Hé", "llo 🦙", ' <b>&"'), comments=True)
REASONING = Answer(("4",), reasoning=("2 + 2", " is…"))
TAGS = Answer(("<thi", "nk>2 + 2</th", "ink>\n\n4"))
CALLING = Answer((), calls=(("weather", ('{"ci', 'ty":"Zür', 'ich"}')), ("time", ())), cached=16)
ANSWERS = {
    "plain": PLAIN,
    "reasoning_content": REASONING,
    "reasoning": Answer(("4",), reasoning=("2 + 2", " is…"), field="reasoning", usage="groq"),
    "tags": TAGS,
    "calling": CALLING,
    "length": Answer(("cut",), finish="length", usage="none"),
    "empty": Answer(()),
}
THOUGHT: list[InferenceEvent] = [
    Thought(ThoughtPhase.START),
    Thought(ThoughtPhase.DELTA, "2 + 2"),
    Thought(ThoughtPhase.DELTA, " is…"),
    Thought(ThoughtPhase.STOP),
    Content("4"),
    Usage(19, 3),
    Complete(),
]
EXPECTED: dict[str, list[InferenceEvent]] = {
    "plain": [*map(Content, PLAIN.content), Usage(19, 3), Complete()],
    "reasoning_content": THOUGHT,
    "reasoning": THOUGHT,
    "tags": [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "2 + 2"),
        Thought(ThoughtPhase.STOP),
        Content("4"),
        Usage(19, 3),
        Complete(),
    ],
    "calling": [
        ToolCallRequest(ToolCall("call_DdmO9pD3xa9XTPNJ0", "weather", {"city": "Zürich"})),
        ToolCallRequest(ToolCall("call_DdmO9pD3xa9XTPNJ1", "time", {})),
        Usage(19, 1, cached=16),
        Complete(FinishReason.TOOL_CALLS),
    ],
    "length": [Content("cut"), Complete(FinishReason.LENGTH)],
    "empty": [Usage(19, 1), Complete()],
}
WEATHER = ToolSpec("weather", "Tell the weather", {"type": "object", "properties": {}})
STOP = event(chunk_of({}, "stop"))


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAi]:
    """A fake OpenAI that at the end must be left without connections."""
    async with FakeOpenAi() as running:
        yield running
        async with asyncio.timeout(5):
            await running.wait_closed()


@pytest.fixture
async def box(server: FakeOpenAi) -> AsyncIterator[OpenAiProvider]:
    """A provider on that server, of a kind nobody knows."""
    provider = OpenAiProvider(at("box", server.base_url))
    yield provider
    await provider.aclose()


def _in_memory(pieces: list[bytes], kind: str = "text/event-stream") -> OpenAiProvider:
    """Return a provider whose chats are answered with exactly these pieces of a body."""

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": kind}, stream=Body())

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return OpenAiProvider(at("box", "http://box/v1"), client)


async def _events(*deltas: dict[str, Any]) -> list[InferenceEvent]:
    """Return what becomes of these deltas, without the start and the end."""
    pieces = [event(chunk_of(delta)) for delta in deltas]
    return (await collect(_in_memory([*pieces, STOP, DONE]), ask("m")))[1:-1]


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_shape_of_answer(server: FakeOpenAi, box: OpenAiProvider, name: str) -> None:
    server.answer = ANSWERS[name]

    assert await collect(box, ask("gpt-4o-mini")) == [ProcessStart(), *EXPECTED[name]]


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_body_split_in_two_at_every_byte(name: str) -> None:
    body = b"".join(ANSWERS[name].events())
    for place in range(len(body) + 1):
        events = await collect(_in_memory([body[:place], body[place:]]), ask("m"))
        assert events[1:] == EXPECTED[name]


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_a_body_in_single_bytes_with_other_line_ends(name: str, end: bytes) -> None:
    body = b"".join(ANSWERS[name].events()).replace(b"\n", end)
    single = [body[place : place + 1] for place in range(len(body))]

    assert (await collect(_in_memory(single), ask("m")))[1:] == EXPECTED[name]


async def test_a_body_cut_before_its_end_is_one_error_that_may_be_retried() -> None:
    body = b"".join(REASONING.events())
    finished = body.index(b'"finish_reason":"stop"')
    for end in range(finished):
        with pytest.raises(ProviderError) as raised:
            await collect(_in_memory([body[:end]]), ask("m"))
        assert (raised.value.code, raised.value.retryable) == ("provider_stream_cut", True)


async def test_a_body_without_done_is_whole_once_the_reason_is_told() -> None:
    body = b"".join(REASONING.events()).removesuffix(DONE)

    assert (await collect(_in_memory([body]), ask("m")))[1:] == EXPECTED["reasoning"]


async def test_done_without_a_reason_is_an_end_too() -> None:
    body = event(chunk_of({"content": "hi"})) + DONE

    assert (await collect(_in_memory([body]), ask("m")))[1:] == [Content("hi"), Complete()]


@given(st.binary(max_size=200), st.integers(0, 2500), st.integers(0, 40), st.integers(1, 50))
@settings(deadline=None)
def test_damage_anywhere_ends_in_an_answer_or_one_typed_error(
    damage: bytes, place: int, removed: int, size: int
) -> None:
    body = b"".join(CALLING.events())
    body = body[:place] + damage + body[place + removed :]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    assert asyncio.run(_outcome(_in_memory(pieces))) in {
        "answered",
        "provider_failed",
        "provider_protocol",
        "provider_stream_cut",
    }


async def _outcome(provider: OpenAiProvider) -> str:
    try:
        events = await collect(provider, ask("m"))
    except ProviderError as error:
        return error.code
    return "answered" if isinstance(events[-1], Complete) else "unfinished"


async def test_the_network_splits_a_response_in_two_at_every_byte(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.answer = Answer(("🦙",), usage="none")
    size = sum(len(step) for step in server.answer.steps() if isinstance(step, bytes))
    for place in range(0, size, 3):
        server.split_at = frozenset({place})
        assert text_of(await collect(box, ask("gpt-4o-mini"))) == "🦙"


async def test_a_whole_answer_instead_of_a_stream() -> None:
    whole = event(
        {
            "object": "chat.completion",
            "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        }
    ).removeprefix(b"data: ")
    provider = _in_memory([whole], "application/json")

    assert (await collect(provider, ask("m")))[1:] == [Content("hi"), Usage(1, 2), Complete()]


async def test_a_refusal_is_what_the_model_says() -> None:
    assert await _events({"refusal": "I can't "}, {"refusal": "help."}) == [
        Content("I can't "),
        Content("help."),
    ]


async def test_both_names_of_reasoning_at_once_are_one_thought() -> None:
    events = await _events({"reasoning": "hm", "reasoning_content": "hm"}, {"content": "x"})

    assert events == [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("x"),
    ]


def _piece(index: int | None, call_id: str | None = None, **function: Any) -> dict[str, Any]:
    call = {"index": index, "id": call_id, "function": function}
    return {"tool_calls": [{name: value for name, value in call.items() if value is not None}]}


@pytest.mark.parametrize(
    "pieces",
    [
        [_piece(0, "a", name="f", arguments={"x": 1}), _piece(1, "b", name="g", arguments="{}")],
        [_piece(0, "a", name="f", arguments='{"x":1}'), _piece(0, "b", name="g")],
        [
            _piece(0, "a", name="f"),
            _piece(1, "b", name="g"),
            _piece(0, arguments='{"x"'),
            _piece(1, arguments="{}"),
            _piece(0, arguments=":1}"),
        ],
        [
            _piece(None, "a", name="f"),
            _piece(None, arguments='{"x":1}'),
            _piece(None, "b", name="g"),
        ],
        [
            _piece(0, "a", name="f"),
            _piece(0, "a", name="f", arguments='{"x":1}'),
            _piece(1, "b", name="g"),
        ],
    ],
)
async def test_calls_are_put_together_from_any_pieces(pieces: list[dict[str, Any]]) -> None:
    assert await _events(*pieces) == [
        ToolCallRequest(ToolCall("a", "f", {"x": 1})),
        ToolCallRequest(ToolCall("b", "g", {})),
    ]


async def test_calls_without_ids_and_indices_get_ids() -> None:
    events = await _events(_piece(None, name="f"), _piece(None, name="g", arguments="{}"))
    calls = [event.call for event in events if isinstance(event, ToolCallRequest)]

    assert [call.name for call in calls] == ["f", "g"]
    assert all(len(call.id) == 13 and call.id.startswith("call_") for call in calls)


CONVERSATION = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Look", images=(Image(b"\x89PNG", "image/png"),)),
    Message(Role.ASSISTANT, "", (ToolCall("c1", "weather", {"city": "Zürich"}),)),
    Message(Role.TOOL, "rain", tool_call_id="c1", name="weather"),
)


async def test_a_conversation_is_written_as_openai_wants_it(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    await collect(box, InferenceRequest("gpt-4o-mini", CONVERSATION, tools=(WEATHER,)))
    body = server.chats[0]

    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
                }
            ],
        },
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
    ]
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["stream_options"] == {"include_usage": True}


async def test_every_setting_has_its_field(server: FakeOpenAi, box: OpenAiProvider) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    behaviour = Behaviour(max_tokens=7, stop=("END",), json_schema=schema)
    sampling = Sampling(0.1, 0.2, 3, 0.4, 1.5, seed=6)
    await collect(box, ask("gpt-4o-mini", behaviour=behaviour, sampling=sampling))
    body = server.chats[0]

    assert {name: body[name] for name in ("temperature", "top_p", "top_k", "min_p", "seed")} == {
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "min_p": 0.4,
        "seed": 6,
    }
    assert (body["repetition_penalty"], body["max_tokens"], body["stop"]) == (1.5, 7, ["END"])
    assert body["response_format"]["json_schema"]["schema"] == schema


async def test_openai_itself_gets_only_what_it_knows(server: FakeOpenAi) -> None:
    openai = OpenAiProvider(at("openai", server.base_url, variables={"OPENAI_API_KEY": "k"}))
    await collect(openai, ask("gpt-4o-mini", behaviour=Behaviour(max_tokens=7)))
    await openai.aclose()

    assert not {"top_k", "min_p", "repetition_penalty", "max_tokens"} & server.chats[0].keys()
    assert server.chats[0]["max_completion_tokens"] == 7


async def test_a_refused_field_is_left_out_from_then_on(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.refuses = {"stream_options", "temperature", "max_tokens"}
    request = ask("gpt-4o-mini", behaviour=Behaviour(max_tokens=7))
    for _ in range(2):
        assert text_of(await collect(box, request)).startswith("Hello!")

    assert len(server.chats) == 5
    assert not server.refuses & server.chats[-1].keys()
    assert server.chats[-1]["max_completion_tokens"] == 7


async def test_a_refused_field_that_matters_is_an_error(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.refuses = {"tools"}

    with pytest.raises(ProviderError) as raised:
        await collect(box, ask("gpt-4o-mini", tools=(WEATHER,)))
    assert raised.value.code == "provider_rejected"
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("qwen/qwen3-8b", 40_960),
        ("vllm", 4096),
        ("groq", 131_072),
        ("llama.cpp", 2048),
        ("gpt-4o-mini", 8192),
        ("absent", None),
    ],
)
async def test_windows_by_the_names_servers_give_them(
    box: OpenAiProvider, model: str, window: int | None
) -> None:
    assert await box.context_size(model) == window


async def test_a_window_that_is_set_comes_first(server: FakeOpenAi) -> None:
    provider = OpenAiProvider(at("box", server.base_url, context_size=1024))

    assert await provider.context_size("vllm") == 1024
    assert await provider.context_size("an-alias-not-listed") == 1024
    assert {model.context_size for model in await provider.models()} == {1024}
    await provider.aclose()


async def test_a_server_without_a_list_has_what_it_is_asked_for(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.faults["/models"] = status(404, b"no", kind="text/plain")

    assert await box.context_size("anything") == 8192


async def test_the_list_is_asked_for_once_in_a_while(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    for _ in range(5):
        await box.context_size("vllm")

    assert len(server.requests) == 1


async def test_a_bare_array_is_a_list_of_models_too(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.faults["/models"] = status(200, [{"id": "a", "context_length": 5000}])

    assert [(m.id, m.context_size) for m in await box.models()] == [("box/a", 5000)]


async def test_further_headers_are_sent(server: FakeOpenAi) -> None:
    headers = {"X-Title": "ruster", "Authorization": "Basic abc123"}
    provider = OpenAiProvider(at("box", server.base_url, headers=headers))
    await collect(provider, ask("gpt-4o-mini"))
    await provider.aclose()

    sent = server.requests[0].headers
    assert (sent["x-title"], sent["authorization"]) == ("ruster", "Basic abc123")


@pytest.mark.parametrize("header", ["x-proxy-auth", "authorization"])
async def test_xai_through_a_proxy_needs_and_sends_no_key(header: str) -> None:
    async with FakeOpenAi(token="t0ken-123") as proxy:
        llm = LlmSettings.model_validate(
            {
                "proxy_url": f"{proxy.url}/",
                "proxy_auth_token": SecretStr("t0ken-123"),
                "proxy_auth_header": header,
            }
        )
        xai = OpenAiProvider(at("xai", variables={"XAI_API_KEY": "xai-canary-1"}, llm=llm))

        assert text_of(await collect(xai, ask("gpt-4o-mini"))).startswith("Hello!")
        assert "xai/vllm" in [model.id for model in await xai.models()]
        assert [request.path for request in proxy.requests] == [
            "/xai/v1/chat/completions",
            "/xai/v1/models",
        ]
        assert "xai-canary-1" not in str([request.headers for request in proxy.requests])
        await xai.aclose()


async def test_a_proxy_that_refuses_the_token() -> None:
    async with FakeOpenAi(token="t0ken-123") as proxy:
        llm = LlmSettings(proxy_url=proxy.url, proxy_auth_token=SecretStr("wr0ng-123"))
        xai = OpenAiProvider(at("xai", llm=llm))

        with pytest.raises(ProviderError, match="proxy_auth_token") as raised:
            await collect(xai, ask("m"))
        assert "wr0ng" not in raised.value.message
        await xai.aclose()


@pytest.mark.parametrize("prefix", ["openai", "groq", "openrouter", "box"])
async def test_other_services_do_not_take_the_proxy(prefix: str, server: FakeOpenAi) -> None:
    llm = LlmSettings(proxy_url="http://127.0.0.1:1", proxy_auth_token=SecretStr("t0ken-123"))
    provider = OpenAiProvider(
        at(prefix, server.base_url, llm=llm, api_key_env="K", variables={"K": "k"})
    )

    assert text_of(await collect(provider, ask("gpt-4o-mini"))).startswith("Hello!")
    assert "t0ken" not in str(server.requests[0].headers)
    await provider.aclose()


async def test_without_a_key_another_model_is_tried_and_nothing_is_listed() -> None:
    openai = OpenAiProvider(at("openai"))

    with pytest.raises(ProviderUnreachable, match="set OPENAI_API_KEY") as raised:
        await collect(openai, ask("gpt-4o-mini"))
    assert raised.value.code == "provider_key_missing"
    assert await openai.models() == []
    assert await openai.context_size("gpt-4o-mini") is None


async def test_a_service_that_was_set_up_says_that_its_key_is_missing(server: FakeOpenAi) -> None:
    provider = OpenAiProvider(at("openai", server.base_url))

    with pytest.raises(ProviderUnreachable, match="OPENAI_API_KEY"):
        await provider.models()


def test_an_unknown_provider_needs_an_address() -> None:
    with pytest.raises(ProviderUnreachable, match="no base_url") as raised:
        at("box", context_size=4096)
    assert raised.value.code == "config_invalid"
