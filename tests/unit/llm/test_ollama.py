"""The Ollama provider against bytes of the real server: whole, split anywhere, broken anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    ProcessStart,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall, ToolSpec
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.settings import LlmSettings
from tests.fakes.http_server import Fault
from tests.fakes.inference import ask, collect, text_of
from tests.fakes.ollama_answers import FAULTS, Answer, status
from tests.fakes.ollama_server import FakeOllama, refused_url

PLAIN = Answer(("Hé", "llo 🦙", " <b>&</b>", '\u2028\n\t"end"'))
THINKING = Answer(("4",), thinking=("2 + 2", " is…"))
CALLING = Answer((), tool_calls=(("weather", {"city": "Zürich", "days": [1, 2]}), ("time", {})))
ANSWERS = {
    "plain": PLAIN,
    "thinking": THINKING,
    "calling": CALLING,
    "everything": Answer(("Let me see.",), ("hm",), (("time", {}),), "stop"),
    "length": Answer(("cut",), done_reason="length"),
    "empty": Answer(()),
}
EXPECTED: dict[str, list[InferenceEvent]] = {
    "plain": [*map(Content, PLAIN.content), Usage(26, 4), Complete()],
    "thinking": [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "2 + 2"),
        Thought(ThoughtPhase.DELTA, " is…"),
        Thought(ThoughtPhase.STOP),
        Content("4"),
        Usage(26, 3),
        Complete(),
    ],
    "calling": [
        ToolCallRequest(ToolCall("call_a1b2c3d0", "weather", {"city": "Zürich", "days": [1, 2]})),
        ToolCallRequest(ToolCall("call_a1b2c3d1", "time", {})),
        Usage(26, 2),
        Complete(FinishReason.TOOL_CALLS),
    ],
    "everything": [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("Let me see."),
        ToolCallRequest(ToolCall("call_a1b2c3d0", "time", {})),
        Usage(26, 3),
        Complete(FinishReason.TOOL_CALLS),
    ],
    "length": [Content("cut"), Usage(26, 1), Complete(FinishReason.LENGTH)],
    "empty": [Usage(26, 1), Complete()],
}
WEATHER = ToolSpec("weather", "Tell the weather", {"type": "object", "properties": {}})


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    """A fake Ollama that at the end must be left without connections."""
    async with FakeOllama() as running:
        yield running
        async with asyncio.timeout(5):
            await running.wait_closed()


@pytest.fixture
async def ollama(server: FakeOllama) -> AsyncIterator[OllamaProvider]:
    """A provider on that server."""
    provider = OllamaProvider(LlmSettings(ollama_url=server.url))
    yield provider
    await provider.aclose()


@pytest.fixture
async def faulty(server: FakeOllama, name: str) -> AsyncIterator[OllamaProvider]:
    """A provider whose chats meet the fault ``name``; impatient where the fault is silence."""
    server.faults["/api/chat"] = FAULTS[name][0]
    limit_s = 0.2 if name.startswith("silent") else 60.0
    provider = OllamaProvider(
        LlmSettings(ollama_url=server.url, first_byte_timeout_s=limit_s, read_timeout_s=limit_s)
    )
    yield provider
    await provider.aclose()


def _in_memory(pieces: list[bytes]) -> OllamaProvider:
    """Return a provider whose chats are answered with exactly these pieces of a body."""

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/chat":
            return httpx.Response(200, json={"capabilities": ["completion"]})
        return httpx.Response(200, stream=Body())

    return OllamaProvider(LlmSettings(), httpx.AsyncClient(transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_shape_of_answer(server: FakeOllama, ollama: OllamaProvider, name: str) -> None:
    server.answer = ANSWERS[name]

    assert await collect(ollama, ask("qwen3:8b")) == [ProcessStart(), *EXPECTED[name]]


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_body_split_in_two_at_every_byte(name: str) -> None:
    body = b"".join(ANSWERS[name].lines("m"))
    for at in range(len(body) + 1):
        events = await collect(_in_memory([body[:at], body[at:]]), ask("m"))
        assert events[1:] == EXPECTED[name]


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_body_in_single_bytes_with_windows_line_ends(name: str) -> None:
    body = b"\r\n".join(line.strip() for line in ANSWERS[name].lines("m"))
    single = [body[at : at + 1] for at in range(len(body))]

    assert (await collect(_in_memory(single), ask("m")))[1:] == EXPECTED[name]


async def test_blank_lines_between_and_no_line_end_at_the_end() -> None:
    body = b"\n\n\r\n".join(PLAIN.lines("m")).rstrip(b"\n")

    assert (await collect(_in_memory([body]), ask("m")))[1:] == EXPECTED["plain"]


async def test_a_body_cut_at_every_byte_is_one_error_that_may_be_retried() -> None:
    body = b"".join(THINKING.lines("m"))
    for end in range(len(body) - 1):  # without the last line end it is still whole
        with pytest.raises(ProviderError) as raised:
            await collect(_in_memory([body[:end]]), ask("m"))
        assert (raised.value.code, raised.value.retryable) == ("provider_stream_cut", True)


@given(st.binary(max_size=200), st.integers(0, 900), st.integers(0, 40), st.integers(1, 50))
def test_damage_anywhere_ends_in_an_answer_or_one_typed_error(
    damage: bytes, at: int, removed: int, size: int
) -> None:
    body = b"".join(CALLING.lines("m"))
    body = body[:at] + damage + body[at + removed :]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    assert asyncio.run(_outcome(_in_memory(pieces))) in {
        "answered",
        "provider_failed",
        "provider_protocol",
        "provider_stream_cut",
    }


async def _outcome(ollama: OllamaProvider) -> str:
    """Return how a chat ended: the code of its error, or that it came to its end."""
    try:
        events = await collect(ollama, ask("m"))
    except ProviderError as error:
        return error.code
    return "answered" if isinstance(events[-1], Complete) else "unfinished"


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_network_hands_over_single_bytes(
    server: FakeOllama, ollama: OllamaProvider, name: str
) -> None:
    server.answer, server.split_at = ANSWERS[name], None

    assert (await collect(ollama, ask("qwen3:8b")))[1:] == EXPECTED[name]


async def test_the_network_splits_a_response_in_two_at_every_byte(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    server.answer = Answer(("🦙",))
    size = sum(len(step) for step in server.answer.steps("m") if isinstance(step, bytes))
    for at in range(size):
        server.split_at = frozenset({at})
        assert text_of(await collect(ollama, ask("llama3.2"))) == "🦙"


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_is_exactly_one_typed_error(faulty: OllamaProvider, name: str) -> None:
    with pytest.raises(ProviderError) as raised:
        await collect(faulty, ask("llama3.2"))

    assert raised.value.code == FAULTS[name][1]
    assert raised.value.message
    assert "httpx" not in raised.value.message


@pytest.mark.parametrize("name", FAULTS)
async def test_the_provider_recovers_from_every_fault(
    server: FakeOllama, faulty: OllamaProvider, name: str
) -> None:
    with pytest.raises(ProviderError):
        await collect(faulty, ask("llama3.2"))
    server.faults.clear()

    assert text_of(await collect(faulty, ask("llama3.2"))).startswith("Hello!")


@pytest.mark.parametrize("name", FAULTS)
async def test_unreachable_is_only_raised_before_the_first_event(
    faulty: OllamaProvider, name: str
) -> None:
    code = FAULTS[name][1]
    events: list[InferenceEvent] = []

    async def read() -> None:
        async for event in faulty.stream(ask("llama3.2")):
            events.append(event)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(ProviderError) as raised:
        await read()

    unreachable = code in {"provider_unreachable", "provider_mismatch", "model_not_found"}
    assert isinstance(raised.value, ProviderUnreachable) == unreachable
    assert not (unreachable and events)


@pytest.mark.parametrize("path", ["/api/show", "/api/tags"])
@pytest.mark.parametrize("name", FAULTS)
async def test_side_requests_fail_in_typed_errors_too(
    server: FakeOllama,
    ollama: OllamaProvider,
    name: str,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ruster.llm.http._QUICK_TIMEOUT_S", 0.2)
    fault = FAULTS[name][0]
    server.faults[path] = lambda _lines: fault(Answer().lines("m"))

    if path == "/api/tags":
        with pytest.raises(ProviderError):
            await ollama.models()
    else:
        assert await ollama.context_size("llama3.2") in {8192, None}


async def test_nobody_listens(server: FakeOllama) -> None:
    url = await refused_url()
    ollama = OllamaProvider(LlmSettings(ollama_url=url))

    with pytest.raises(ProviderUnreachable) as raised:
        await collect(ollama, ask("llama3.2"))

    assert raised.value.code == "provider_unreachable"
    assert raised.value.message == (
        f"Ollama is not answering at {url}: "
        "start it with `ollama serve`, or install it from https://ollama.com/download"
    )
    await ollama.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "no-such-host.invalid",
        "http://me:secret@no-such-host.invalid",
        "http://bad host",
        "ftp://x",
        "http://[::1",
        "http://\x00",
    ],
)
async def test_an_address_that_leads_nowhere_is_unreachable(url: str) -> None:
    ollama = OllamaProvider(LlmSettings(ollama_url=url))

    with pytest.raises(ProviderUnreachable) as raised:
        await collect(ollama, ask("llama3.2"))

    assert raised.value.code == "provider_unreachable"
    assert "secret" not in raised.value.message
    await ollama.aclose()


async def test_a_conversation_that_is_no_json_is_refused_before_it_is_sent(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    with pytest.raises(ProviderError, match="cannot be written as JSON"):
        await collect(ollama, ask("llama3.2", "\ud800"))

    assert server.chats == []


async def test_a_model_that_is_not_pulled(ollama: OllamaProvider) -> None:
    with pytest.raises(ProviderUnreachable) as raised:
        await collect(ollama, ask("mistral"))

    assert raised.value.code == "model_not_found"
    assert raised.value.message == "Ollama has no model 'mistral': run `ollama pull mistral`"


async def test_ollamas_own_sentence_reaches_the_user(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    server.faults["/api/chat"] = status(500, b'{"error":"no room for \\u003cthis\\u003e"}')

    with pytest.raises(ProviderError, match=r"no room for <this> \(HTTP 500\)"):
        await collect(ollama, ask("llama3.2"))


async def test_tools_for_a_model_without_them(ollama: OllamaProvider) -> None:
    with pytest.raises(ProviderError) as raised:
        await collect(ollama, ask("gemma2:2b", tools=(WEATHER,)))

    assert raised.value.code == "tools_unsupported"


async def test_only_a_model_that_thinks_is_asked_to(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    await collect(ollama, ask("qwen3:8b"))
    await collect(ollama, ask("llama3.2"))

    assert [chat.get("think") for chat in server.chats] == [True, None]


@pytest.mark.parametrize(
    ("model", "wanted", "window"),
    [
        ("llama3.2", None, 8192),
        ("llama3.2", 1024, 1024),
        ("llama3.2", 100_000, 8192),
        ("small", None, 2048),
        ("tuned", None, 4096),
    ],
)
async def test_the_window_is_asked_for_as_it_is_told(
    server: FakeOllama, ollama: OllamaProvider, model: str, wanted: int | None, window: int
) -> None:
    await collect(ollama, ask(model, behaviour=Behaviour(context_size=wanted)))

    assert server.chats[0]["options"]["num_ctx"] == window
    assert await ollama.context_size(model) == (window if wanted is None else 8192)


async def test_a_model_is_looked_up_once(server: FakeOllama, ollama: OllamaProvider) -> None:
    for _ in range(3):
        await collect(ollama, ask("llama3.2"))
        await ollama.context_size("llama3.2")

    assert [request.path for request in server.requests].count("/api/show") == 1


async def test_one_connection_serves_a_whole_conversation(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    for _ in range(5):
        await collect(ollama, ask("llama3.2"))

    assert server.open_connections == 1
    assert not server.disconnected.is_set()


async def test_leaving_in_the_middle_closes_the_connection(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    server.answer = Answer(("word",) * 1000, delay_s=0.02)
    stream = cast("AsyncGenerator[InferenceEvent, None]", ollama.stream(ask("llama3.2")))
    async for event in stream:
        if isinstance(event, Content):
            break
    assert not server.disconnected.is_set()

    await stream.aclose()

    async with asyncio.timeout(5):
        await server.disconnected.wait()
        await server.wait_closed()


async def test_models_with_sizes_and_windows(ollama: OllamaProvider) -> None:
    models = {model.id: model for model in await ollama.models()}

    assert models["ollama/llama3.2:latest"].size_bytes == 2_019_393_189
    assert models["ollama/llama3.2:latest"].context_size == 8192
    assert models["ollama/small:latest"].context_size == 2048


async def test_no_models_and_older_answers(server: FakeOllama, ollama: OllamaProvider) -> None:
    def tags(body: bytes) -> Fault:
        return status(200, body)

    server.faults["/api/tags"] = tags(b'{"models":null}')
    assert await ollama.models() == []
    server.faults["/api/tags"] = tags(b'{"models":[{"name":"a:b","details":{"families":null}}]}')
    assert [(m.id, m.context_size) for m in await ollama.models()] == [("ollama/a:b", None)]


async def test_through_a_proxy_with_its_token() -> None:
    async with FakeOllama(token="s3cret") as proxy:
        settings = LlmSettings(proxy_url=f"{proxy.url}/", proxy_auth_token=SecretStr("s3cret"))
        ollama = OllamaProvider(settings)

        assert text_of(await collect(ollama, ask("llama3.2"))).startswith("Hello!")
        assert [request.path for request in proxy.requests] == [
            "/ollama/api/show",
            "/ollama/api/chat",
        ]
        await ollama.aclose()


async def test_a_proxy_that_refuses_the_token() -> None:
    async with FakeOllama(token="s3cret") as proxy:
        wrong = LlmSettings(proxy_url=proxy.url, proxy_auth_token=SecretStr("wr0ng"))
        ollama = OllamaProvider(wrong)

        with pytest.raises(ProviderError, match="proxy_auth_token") as raised:
            await collect(ollama, ask("llama3.2"))

        assert raised.value.code == "provider_unauthorized"
        assert "wr0ng" not in raised.value.message
        await ollama.aclose()


async def test_a_proxy_that_passes_only_chats() -> None:
    async with FakeOllama() as proxy:
        proxy.faults["/api/show"] = status(404, b"not here", "text/plain")
        ollama = OllamaProvider(LlmSettings(ollama_url=proxy.url))

        assert text_of(await collect(ollama, ask("llama3.2"))).startswith("Hello!")
        assert proxy.chats[0]["options"]["num_ctx"] == 8192
        await ollama.aclose()


async def test_the_token_never_goes_to_ollama_itself(server: FakeOllama) -> None:
    settings = LlmSettings(ollama_url=server.url, proxy_auth_token=SecretStr("s3cret"))
    ollama = OllamaProvider(settings)
    await collect(ollama, ask("llama3.2"))
    await ollama.aclose()

    assert all("s3cret" not in str(request.headers) for request in server.requests)


async def test_a_silent_proxy_is_named() -> None:
    ollama = OllamaProvider(LlmSettings(proxy_url=await refused_url()))

    with pytest.raises(ProviderUnreachable, match="the LLM proxy is not answering"):
        await collect(ollama, ask("llama3.2"))
    await ollama.aclose()


async def test_the_systems_proxy_is_not_asked(
    server: FakeOllama, ollama: OllamaProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, await refused_url())

    assert text_of(await collect(ollama, ask("llama3.2"))).startswith("Hello!")


async def test_a_given_client_stays_open(server: FakeOllama) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        ollama = OllamaProvider(LlmSettings(ollama_url=server.url), client)
        await collect(ollama, ask("llama3.2"))
        await ollama.aclose()

        assert not client.is_closed
