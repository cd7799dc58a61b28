"""Every provider beyond this machine meets every fault: one typed error, no key in it, recovery."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import Content, InferenceEvent
from ruster.core.ports import Provider
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.openai_compatible.provider import OpenAiProvider
from tests.fakes import gemini_answers, openai_answers
from tests.fakes.gemini_server import FakeGemini
from tests.fakes.hosted import at
from tests.fakes.http_server import FakeHttp, Fault, refused_url
from tests.fakes.inference import ask, collect, text_of
from tests.fakes.openai_server import FakeOpenAi

CANARY = "sk-canary-0123456789"
KEYS = {"KEY": CANARY}
UNREACHABLE = {"provider_unreachable", "provider_mismatch", "model_not_found"}


@dataclass
class Service:
    """A fake, how to break a path of it, and a provider on it."""

    server: FakeHttp
    faults: dict[str, Fault]
    chat: str
    listing: str
    provider: Provider
    model: str


@asynccontextmanager
async def _openai(limit_s: float) -> AsyncIterator[Service]:
    async with FakeOpenAi() as server:
        limits: dict[str, Any] = {"first_byte_timeout_s": limit_s, "read_timeout_s": limit_s}
        hosted = at("xai", server.base_url, variables=KEYS, api_key_env="KEY", **limits)
        provider = OpenAiProvider(hosted)
        chat = "/chat/completions"
        yield Service(server, server.faults, chat, "/models", provider, "gpt-4o-mini")
        await provider.aclose()
        async with asyncio.timeout(5):
            await server.wait_closed()


@asynccontextmanager
async def _gemini(limit_s: float) -> AsyncIterator[Service]:
    async with FakeGemini() as server:
        limits: dict[str, Any] = {"first_byte_timeout_s": limit_s, "read_timeout_s": limit_s}
        hosted = at("gemini", server.url, variables=KEYS, api_key_env="KEY", **limits)
        provider = GeminiProvider(hosted)
        yield Service(server, server.faults, "stream", "list", provider, "gemini-2.5-flash")
        await provider.aclose()
        async with asyncio.timeout(5):
            await server.wait_closed()


FAULTS = {"openai": openai_answers.FAULTS, "gemini": gemini_answers.FAULTS}
SERVICES = {"openai": _openai, "gemini": _gemini}
CASES = [(kind, name) for kind, faults in FAULTS.items() for name in faults]


@pytest.fixture
async def service(kind: str, name: str) -> AsyncIterator[Service]:
    """A service with the fault ``name``; the provider is impatient where the fault is silence."""
    async with SERVICES[kind](0.2 if name.startswith("silent") else 60.0) as made:
        made.faults[made.chat] = FAULTS[kind][name][0]
        yield made


def test_there_are_enough_faults() -> None:
    assert all(len(faults) >= 40 for faults in FAULTS.values())


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_every_fault_is_exactly_one_typed_error(
    service: Service, kind: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    events: list[InferenceEvent] = []
    code = FAULTS[kind][name][1]

    async def read() -> None:
        async for event in service.provider.stream(ask(service.model)):
            events.append(event)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(ProviderError) as raised:
        await read()

    error = raised.value
    assert error.code == code
    assert error.message
    assert "httpx" not in error.message
    assert isinstance(error, ProviderUnreachable) == (code in UNREACHABLE)
    assert not (isinstance(error, ProviderUnreachable) and events)
    assert CANARY not in "".join(traceback.format_exception(error))
    assert CANARY not in caplog.text


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_the_provider_recovers_from_every_fault(
    service: Service, kind: str, name: str
) -> None:
    with pytest.raises(ProviderError):
        await collect(service.provider, ask(service.model))
    service.faults.clear()

    assert text_of(await collect(service.provider, ask(service.model))).startswith("Hello!")


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_a_list_that_cannot_be_had_is_a_typed_error_too(
    service: Service, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.llm.http._QUICK_TIMEOUT_S", 0.2)
    fault = FAULTS[kind][name][0]
    events = [b"data: 1\n\n" * 9] * 3
    service.faults[service.listing] = lambda _events: fault(events)

    with pytest.raises(ProviderError):
        await service.provider.models()
    await service.provider.context_size(service.model)


RETRYABLE = {
    "too many requests",
    "overloaded",
    "silent from the start",
    "silent after the head",
    "no event at all",
    "closed without an answer",
    "gateway without upstream",
    "server error without a body",
    "error in the stream",
}
FINAL = {"bad request", "wrong key", "model not there", "too long", "another server"}


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in CASES if n in RETRYABLE | FINAL])
async def test_what_may_pass_is_told_apart(service: Service, kind: str, name: str) -> None:
    with pytest.raises(ProviderError) as raised:
        await collect(service.provider, ask(service.model))

    assert raised.value.retryable == (name in RETRYABLE)


@pytest.mark.parametrize(
    ("kind", "name", "seconds"),
    [
        ("openai", "too many requests", 7.0),
        ("gemini", "too many requests", 7.5),
        ("gemini", "too many requests, as Vertex AI says it", 7.5),
        ("gemini", "overloaded", None),
    ],
)
async def test_how_long_to_wait_is_told(
    service: Service, kind: str, name: str, seconds: float | None
) -> None:
    with pytest.raises(ProviderError) as raised:
        await collect(service.provider, ask(service.model))

    assert raised.value.retry_after_s == seconds


MAKERS: dict[str, Callable[[str], Provider]] = {
    "openai": lambda url: OpenAiProvider(at("box", f"{url}/v1")),
    "gemini": lambda url: GeminiProvider(at("gemini", url, variables=KEYS, api_key_env="KEY")),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_nobody_listens(kind: str) -> None:
    provider = MAKERS[kind](await refused_url())

    with pytest.raises(ProviderUnreachable, match="is not answering at http") as raised:
        await collect(provider, ask("m"))

    assert not raised.value.retryable
    await provider.aclose()


@pytest.mark.parametrize("kind", MAKERS)
async def test_an_unwritable_conversation_is_refused_before_it_is_sent(kind: str) -> None:
    provider = MAKERS[kind](await refused_url())

    with pytest.raises(ProviderError, match="cannot be written as JSON"):
        await collect(provider, ask("m", "\ud800"))
    await provider.aclose()


@pytest.mark.parametrize(("kind", "name"), [(kind, "none") for kind in SERVICES])
async def test_leaving_in_the_middle_closes_the_connection(kind: str, name: str) -> None:
    async with SERVICES[kind](60.0) as service:
        server = cast("FakeOpenAi | FakeGemini", service.server)
        if isinstance(server, FakeOpenAi):
            server.answer = openai_answers.Answer(("word ",) * 1000, delay_s=0.02)
        else:
            server.answer = gemini_answers.Answer(("word ",) * 1000, delay_s=0.02)
        stream = cast(
            "AsyncGenerator[InferenceEvent, None]", service.provider.stream(ask(service.model))
        )
        async for event in stream:
            if isinstance(event, Content):
                break
        assert not server.disconnected.is_set()

        await stream.aclose()

        async with asyncio.timeout(5):
            await server.disconnected.wait()
            await server.wait_closed()


@pytest.mark.parametrize(("kind", "name"), [(kind, "none") for kind in SERVICES])
async def test_one_connection_serves_a_whole_conversation(kind: str, name: str) -> None:
    async with SERVICES[kind](60.0) as service:
        for _ in range(3):
            await collect(service.provider, ask(service.model))

        assert service.server.open_connections == 1
