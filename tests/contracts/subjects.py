"""The providers under contract: each made ready against a fake on a real socket, or for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from tests.engine_support import local_files
from tests.fakes import gemini_answers, openai_answers
from tests.fakes.gemini_server import FakeGemini
from tests.fakes.hosted import at
from tests.fakes.ollama_answers import Answer
from tests.fakes.ollama_server import FakeOllama, refused_url
from tests.fakes.openai_server import FakeOpenAi
from tests.models import MODELS_DIR, build
from tests.models.scripts import ENDLESS, script

from ruster.config.settings import Settings
from ruster.core.ports import Provider
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.llamacpp import LlamaCppProvider
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.pinky import PinkyProvider
from ruster.llm.settings import LlmSettings
from ruster.proxy import serving
from ruster.testing import short_folder

__all__ = ["LONG_PROMPT", "PROMPT", "PROXIED", "SUBJECTS", "Subject"]

PROMPT = "What is the capital of France?"
LONG_PROMPT = "tell me a long story " * 25


async def _nothing() -> None:
    """Stand for a provider that holds nothing outside the process."""


@dataclass
class Subject:
    """A provider under test. Its ``model`` answers ``prompt`` with a thought and ``answer``; its
    ``slow_model`` takes seconds for ``long_prompt``. ``released`` returns once a stream that was
    closed holds nothing any more. ``absent`` cannot answer at all (``absent_model``).
    """

    prefix: str
    provider: Provider
    model: str
    answer: str
    slow_model: str
    window: int
    absent: Provider
    absent_model: str = "no-such-model"
    released: Callable[[], object] = _nothing
    prompt: str = PROMPT
    long_prompt: str = LONG_PROMPT

    async def wait_released(self) -> None:
        """Wait until the last closed stream has let everything go."""
        await cast("asyncio.Future[None]", self.released())


@asynccontextmanager
async def _pinky() -> AsyncIterator[Subject]:
    pinky = PinkyProvider()
    answer = f"Pinky says: {PROMPT}"
    yield Subject("pinky", pinky, "tiny-model", answer, "slow", 8192, pinky)
    await pinky.aclose()


@asynccontextmanager
async def _ollama() -> AsyncIterator[Subject]:
    async with FakeOllama() as server:
        server.answer = Answer(content=("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = Answer(("Par", "is", "."), thinking=("Hmm", ", France"))
        ollama = OllamaProvider(LlmSettings(ollama_url=server.url))
        absent = OllamaProvider(LlmSettings(ollama_url=await refused_url()))
        yield Subject(
            prefix="ollama",
            provider=ollama,
            model="qwen3:8b",
            answer="Paris.",
            slow_model="qwen3:8b",
            window=8192,
            absent=absent,
            released=server.disconnected.wait,
        )
        await ollama.aclose()
        await absent.aclose()
        await server.wait_closed()


@asynccontextmanager
async def _openai() -> AsyncIterator[Subject]:
    async with FakeOpenAi(key="k-123456") as server:
        server.answer = openai_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = openai_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))
        keys = {"OPENROUTER_API_KEY": "k-123456"}
        openai = OpenAiProvider(at("openrouter", server.base_url, variables=keys))
        absent = OpenAiProvider(at("openrouter", await refused_url(), variables=keys))
        yield Subject(
            prefix="openrouter",
            provider=openai,
            model="qwen/qwen3-8b",
            answer="Paris.",
            slow_model="qwen/qwen3-8b",
            window=40_960,
            absent=absent,
            released=server.disconnected.wait,
        )
        await openai.aclose()
        await absent.aclose()
        await server.wait_closed()


@asynccontextmanager
async def _gemini() -> AsyncIterator[Subject]:
    async with FakeGemini(key="k-123456") as server:
        server.answer = gemini_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = gemini_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))
        keys = {"GEMINI_API_KEY": "k-123456"}
        gemini = GeminiProvider(at("gemini", server.url, variables=keys))
        absent = GeminiProvider(at("gemini", await refused_url(), variables=keys))
        yield Subject(
            prefix="gemini",
            provider=gemini,
            model="gemini-2.5-flash",
            answer="Paris.",
            slow_model="gemini-2.5-flash",
            window=1_048_576,
            absent=absent,
            released=server.disconnected.wait,
        )
        await gemini.aclose()
        await absent.aclose()
        await server.wait_closed()


@asynccontextmanager
async def _llamacpp() -> AsyncIterator[Subject]:
    build("scripted")
    with short_folder() as empty:
        engine = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR))
        absent = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(empty))
        think = script("think")
        yield Subject(
            prefix="llamacpp",
            provider=engine,
            model="scripted",
            answer=think.answer,
            slow_model="scripted",
            window=8192,
            absent=absent,
            prompt=think.question,
            long_prompt=ENDLESS.question,
        )
        await engine.aclose()
        await absent.aclose()


TOKEN, KEY = "t0ken-123456", "k-123456"
_Make = Callable[[LlmSettings], Provider]


@asynccontextmanager
async def _proxied(
    prefix: str, url: str, make: _Make, header: str = "x-proxy-auth"
) -> AsyncIterator[tuple[Provider, Provider]]:
    """Put a real proxy before the service at ``url``; yield a provider that reaches it, and one
    whose service is away."""
    settings = Settings.model_validate(
        {"proxy": {"addr": "127.0.0.1:0", f"{prefix}_url": url}, "shutdown_patience_s": 0}
    )
    away = settings.proxy.model_copy(update={f"{prefix}_url": await refused_url()})
    keys = {"XAI_API_KEY": KEY, "GEMINI_API_KEY": KEY}.get
    async with (
        serving(settings, keys, TOKEN) as proxy,
        serving(settings.model_copy(update={"proxy": away}), keys, TOKEN) as cut_off,
    ):
        provider, absent = (
            make(
                LlmSettings.model_validate(
                    {
                        "proxy_url": it.url,
                        "proxy_auth_token": TOKEN,
                        "proxy_auth_header": header,
                    }
                )
            )
            for it in (proxy, cut_off)
        )
        yield provider, absent
        await provider.aclose()
        await absent.aclose()


@asynccontextmanager
async def _ollama_by_proxy(header: str) -> AsyncIterator[Subject]:
    async with FakeOllama() as server:
        server.answer = Answer(content=("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = Answer(("Par", "is", "."), thinking=("Hmm", ", France"))
        async with _proxied("ollama", server.url, OllamaProvider, header) as (provider, absent):
            yield Subject(
                prefix="ollama",
                provider=provider,
                model="qwen3:8b",
                answer="Paris.",
                slow_model="qwen3:8b",
                window=8192,
                absent=absent,
                released=server.disconnected.wait,
            )


@asynccontextmanager
async def _xai_by_proxy(header: str) -> AsyncIterator[Subject]:
    async with FakeOpenAi(key=KEY) as server:
        server.answer = openai_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = openai_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))

        def make(llm: LlmSettings) -> Provider:
            return OpenAiProvider(at("xai", llm=llm))

        async with _proxied("xai", server.url, make, header) as (provider, absent):
            yield Subject(
                prefix="xai",
                provider=provider,
                model="qwen/qwen3-8b",
                answer="Paris.",
                slow_model="qwen/qwen3-8b",
                window=40_960,
                absent=absent,
                released=server.disconnected.wait,
            )


@asynccontextmanager
async def _gemini_by_proxy(header: str) -> AsyncIterator[Subject]:
    async with FakeGemini(key=KEY) as server:
        server.answer = gemini_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = gemini_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))

        def make(llm: LlmSettings) -> Provider:
            return GeminiProvider(at("gemini", llm=llm))

        async with _proxied("gemini", server.url, make, header) as (provider, absent):
            yield Subject(
                prefix="gemini",
                provider=provider,
                model="gemini-2.5-flash",
                answer="Paris.",
                slow_model="gemini-2.5-flash",
                window=1_048_576,
                absent=absent,
                released=server.disconnected.wait,
            )


PROXIED: dict[str, Callable[[], AbstractAsyncContextManager[Subject]]] = {
    f"{name} through the proxy, {header}": partial(made, header)
    for name, made in (
        ("ollama", _ollama_by_proxy),
        ("xai", _xai_by_proxy),
        ("gemini", _gemini_by_proxy),
    )
    for header in ("x-proxy-auth", "authorization")
}
SUBJECTS: dict[str, Callable[[], AbstractAsyncContextManager[Subject]]] = {
    "pinky": _pinky,
    "ollama": _ollama,
    "openai_compatible": _openai,
    "gemini": _gemini,
    "llamacpp": _llamacpp,
} | PROXIED
