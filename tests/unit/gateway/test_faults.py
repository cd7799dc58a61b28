"""Every fault of every service, with the proxy between: the same typed error as without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the HTTP server is not installed (extra `gateway`)")

from ruster.core.errors import ProviderError
from ruster.core.ports import Provider
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.settings import LlmSettings
from tests.fakes import gemini_answers, ollama_answers, openai_answers
from tests.fakes.gemini_server import FakeGemini
from tests.fakes.hosted import at
from tests.fakes.http_server import FakeHttp, Fault
from tests.fakes.inference import ask, collect, text_of
from tests.fakes.ollama_server import FakeOllama
from tests.fakes.openai_server import FakeOpenAi
from tests.unit.gateway.support import KEYS, TOKEN, proxied


@dataclass(frozen=True)
class Kind:
    """A service: its fake, where its chats break, and a provider that takes the proxy."""

    server: Callable[[], FakeHttp]
    path: str
    faults: dict[str, tuple[Fault, str]]
    provider: Callable[[LlmSettings], Provider]
    model: str


KINDS = {
    "ollama": Kind(FakeOllama, "/api/chat", ollama_answers.FAULTS, OllamaProvider, "llama3.2"),
    "xai": Kind(
        partial(FakeOpenAi, key=KEYS["XAI_API_KEY"]),
        "/chat/completions",
        openai_answers.FAULTS,
        lambda llm: OpenAiProvider(at("xai", llm=llm)),
        "gpt-4o-mini",
    ),
    "gemini": Kind(
        partial(FakeGemini, key=KEYS["GEMINI_API_KEY"]),
        "stream",
        gemini_answers.FAULTS,
        lambda llm: GeminiProvider(at("gemini", llm=llm)),
        "gemini-2.5-flash",
    ),
}
CASES = [(kind, name) for kind, it in KINDS.items() for name in it.faults]
_CUT_BY_THE_PROXY = {"silent after the head", "silent within an answer"}
"""It is the proxy that loses its patience there, and closes the connection."""


@asynccontextmanager
async def behind(kind: Kind, **own: Any) -> AsyncIterator[tuple[FakeHttp, Provider]]:
    """Run a service behind a proxy, and a provider before it."""
    async with kind.server() as server, proxied(server.url, token=TOKEN, **own) as proxy:
        settings = {"proxy_url": proxy.url, "proxy_auth_token": TOKEN}
        provider = kind.provider(LlmSettings.model_validate(settings))
        yield server, provider
        await provider.aclose()


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_a_fault_is_the_same_with_a_proxy_between(kind: str, name: str) -> None:
    it = KINDS[kind]
    silent = {"first_byte_timeout_s": 0.2, "read_timeout_s": 0.2} if "silent" in name else {}
    async with behind(it, **silent) as (server, provider):
        server.faults[it.path] = it.faults[name][0]  # type: ignore[attr-defined]
        with pytest.raises(ProviderError) as raised:
            await collect(provider, ask(it.model))
        server.faults.clear()  # type: ignore[attr-defined]
        again = text_of(await collect(provider, ask(it.model)))

    cut = name in _CUT_BY_THE_PROXY
    assert raised.value.code == ("provider_stream_cut" if cut else it.faults[name][1])
    assert again.startswith("Hello!")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_may_be_cut_at_any_byte(kind: str) -> None:
    it = KINDS[kind]
    async with behind(it) as (server, provider):
        whole = text_of(await collect(provider, ask(it.model)))
        server.split_at = None
        assert text_of(await collect(provider, ask(it.model))) == whole
        for place in range(0, 900, 29):
            server.split_at = frozenset({place})
            assert text_of(await collect(provider, ask(it.model))) == whole
