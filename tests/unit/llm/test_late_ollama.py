"""Ollama before it is there: the same errors, and no HTTP client for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ruster.core.errors import ProviderUnreachable
from ruster.llm.ollama.late import LateOllama
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.settings import LlmSettings
from tests.fakes.inference import ask, collect
from tests.fakes.ollama_server import FakeOllama

_NOWHERE = "http://127.0.0.1:9"
_PROGRAM = """
import asyncio, sys
from ruster.core.errors import ProviderUnreachable
from ruster.llm.ollama.late import LateOllama
from ruster.llm.settings import LlmSettings

async def main():
    provider = LateOllama(LlmSettings(ollama_url=sys.argv[1]))
    assert await provider.context_size("llama3.2") is None
    try:
        await provider.models()
    except ProviderUnreachable:
        print("httpx" in sys.modules)
    await provider.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "settings",
    [
        LlmSettings(ollama_url=_NOWHERE),
        LlmSettings(ollama_url="127.0.0.1:9"),
        LlmSettings(ollama_url="http://name:secret@localhost:9/path"),
        LlmSettings(ollama_url="https://127.0.0.1:9"),
        LlmSettings(ollama_url="http://[::1]:9"),
        LlmSettings(proxy_url=_NOWHERE),
    ],
    ids=lambda it: it.proxy_url or it.ollama_url,
)
async def test_nobody_there_is_told_as_ever(settings: LlmSettings) -> None:
    late, plain = LateOllama(settings), OllamaProvider(settings)
    for attempt in (
        lambda it: it.models(),
        lambda it: it.embed("m", ["a"]),
        lambda it: collect(it, ask("m")),
    ):
        with pytest.raises(ProviderUnreachable) as expected:
            await attempt(plain)
        with pytest.raises(ProviderUnreachable) as found:
            await attempt(late)
        assert found.value.message == expected.value.message
        assert (found.value.code, found.value.retryable) == (
            expected.value.code,
            expected.value.retryable,
        )
    assert await late.context_size("m") is None
    await late.aclose()
    await plain.aclose()


async def test_it_is_used_once_it_is_there() -> None:
    async with FakeOllama() as server:
        late = LateOllama(LlmSettings(ollama_url=server.url))
        plain = OllamaProvider(LlmSettings(ollama_url=server.url))
        assert await late.models() == await plain.models()
        assert await late.context_size("llama3.2") == await plain.context_size("llama3.2")
        told = [str(event) for event in await collect(late, ask("llama3.2"))]
        assert told == [str(it) for it in await collect(plain, ask("llama3.2"))]
        await late.aclose()
        await plain.aclose()


def test_no_http_client_is_loaded_while_nobody_is_there() -> None:
    command = [sys.executable, "-c", _PROGRAM, _NOWHERE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
