"""What Ollama does besides chatting: vectors, fetching models; and what a chat may carry."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import pytest
from pydantic import SecretStr, ValidationError

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import Behaviour, InferenceRequest, Progress
from ruster.core.messages import Image, Message, Role
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.settings import LlmSettings
from tests.fakes.http_server import Fault, refused_url
from tests.fakes.inference import ask, collect
from tests.fakes.ollama_answers import FAULTS, PULL, pull_lines, status
from tests.fakes.ollama_server import FakeOllama


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    """A fake Ollama that at the end must be left without connections."""
    async with FakeOllama() as running:
        yield running
        async with asyncio.timeout(5):
            await running.wait_closed()


@pytest.fixture
async def ollama(server: FakeOllama) -> AsyncIterator[OllamaProvider]:
    """A provider on that server, impatient with silence."""
    settings = LlmSettings(ollama_url=server.url, first_byte_timeout_s=0.3, read_timeout_s=0.3)
    provider = OllamaProvider(settings)
    yield provider
    await provider.aclose()


@pytest.mark.parametrize(
    ("setting", "sent"), [("10m", "10m"), ("-1", -1), ("0", 0), ("1h30m", "1h30m"), ("-1m", "-1m")]
)
async def test_how_long_a_model_is_kept(server: FakeOllama, setting: str, sent: str | int) -> None:
    ollama = OllamaProvider(LlmSettings(ollama_url=server.url, ollama_keep_alive=setting))
    await collect(ollama, ask("llama3.2"))
    await ollama.embed("llama3.2", ["a"])
    await ollama.aclose()

    assert server.chats[0]["keep_alive"] == sent
    assert server.requests[-1].json["keep_alive"] == sent


async def test_by_default_ollama_decides_how_long(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    await collect(ollama, ask("llama3.2"))

    assert "keep_alive" not in server.chats[0]


@pytest.mark.parametrize("wrong", ["soon", "10 m", "m", "--1"])
def test_a_time_nobody_can_read_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        LlmSettings(ollama_keep_alive=wrong)


async def test_images_and_a_schema_go_along(server: FakeOllama, ollama: OllamaProvider) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    request = ask("llama3.2", behaviour=Behaviour(json_schema=schema))
    message = Message(Role.USER, "look", images=(Image(b"\x89PNG"), Image(b"GIF8", "image/gif")))
    await collect(ollama, InferenceRequest("llama3.2", (message,), request.config))

    assert server.chats[0]["messages"][0]["images"] == ["iVBORw==", "R0lGOA=="]
    assert server.chats[0]["format"] == schema


async def test_vectors_have_length_one(server: FakeOllama, ollama: OllamaProvider) -> None:
    vectors = await ollama.embed("llama3.2", ["abc", "x"])

    assert [path.path for path in server.requests] == ["/api/embed"]
    assert vectors[0] == pytest.approx([3 / math.sqrt(10), 1 / math.sqrt(10)])
    assert vectors[1] == pytest.approx([1 / math.sqrt(2), 1 / math.sqrt(2)])


async def test_no_texts_need_no_request(server: FakeOllama, ollama: OllamaProvider) -> None:
    assert await ollama.embed("llama3.2", []) == []
    assert server.requests == []


async def test_a_server_with_only_the_older_way(server: FakeOllama, ollama: OllamaProvider) -> None:
    server.faults["/api/embed"] = status(404, b"404 page not found", "text/plain")

    assert await ollama.embed("llama3.2", ["abc", "x"]) == [
        pytest.approx([3 / math.sqrt(10), 1 / math.sqrt(10)]),
        pytest.approx([1 / math.sqrt(2), 1 / math.sqrt(2)]),
    ]
    assert [r.path for r in server.requests][1:] == ["/api/embeddings"] * 2


@pytest.mark.parametrize(
    "body", [b'{"embeddings":[[1,2]]}', b'{"embeddings":[]}', b"{}", b'{"embeddings":[["x"],[1]]}']
)
async def test_vectors_that_do_not_fit_are_an_error(
    server: FakeOllama, ollama: OllamaProvider, body: bytes
) -> None:
    server.faults["/api/embed"] = status(200, body)

    with pytest.raises(ProviderError) as raised:
        await ollama.embed("llama3.2", ["a", "b"])
    assert raised.value.code == "provider_protocol"


async def test_vectors_of_a_model_that_is_not_there(ollama: OllamaProvider) -> None:
    with pytest.raises(ProviderUnreachable) as raised:
        await ollama.embed("mistral", ["a"])
    assert raised.value.code == "model_not_found"


async def _pulled(ollama: OllamaProvider, model: str = "mistral") -> list[Progress]:
    return [step async for step in ollama.pull(model)]


async def test_a_pull_tells_how_far_it_is(server: FakeOllama, ollama: OllamaProvider) -> None:
    steps = await _pulled(ollama)

    assert [step.what for step in steps] == [line["status"] for line in PULL]
    assert steps[2] == Progress("pulling dde5aa3fc5ff", 1_009_688_688, 2_019_377_376)
    assert server.requests[0].json == {"model": "mistral"}


async def test_a_model_the_library_does_not_have(ollama: OllamaProvider) -> None:
    with pytest.raises(ProviderUnreachable, match="no-such-model") as raised:
        await _pulled(ollama, "no-such-model")
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_of_a_pull_is_one_typed_error(
    server: FakeOllama, ollama: OllamaProvider, name: str
) -> None:
    fault, code = FAULTS[name]
    lines = pull_lines()
    server.faults["/api/pull"] = lambda _lines: fault(lines)
    if code in {"provider_failed", "schema_unsupported"} and name.startswith("error"):
        code = "pull_interrupted"
    if code in {"provider_stream_cut", "provider_timeout"}:
        code = "pull_interrupted"
    if name in {"another shape", "arguments that are no object"}:
        code = "pull_interrupted"  # a line without a word about the end

    with pytest.raises(ProviderError) as raised:
        await _pulled(ollama)

    assert raised.value.code in {code, "provider_protocol"}
    if raised.value.code == "pull_interrupted":
        assert raised.value.retryable


async def test_a_pull_that_broke_off_can_be_started_again(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    cut: Fault = FAULTS["closed between chunks"][0]
    server.faults["/api/pull"] = lambda _lines: cut(pull_lines())
    with pytest.raises(ProviderError, match="start it again"):
        await _pulled(ollama)
    server.faults.clear()

    assert (await _pulled(ollama))[-1].what == "success"


async def test_leaving_a_pull_closes_the_connection(
    server: FakeOllama, ollama: OllamaProvider
) -> None:
    hang: Fault = FAULTS["silent within an answer"][0]
    server.faults["/api/pull"] = lambda _lines: hang(pull_lines())
    steps = cast("AsyncGenerator[Progress, None]", ollama.pull("mistral"))
    await anext(steps)

    await steps.aclose()

    async with asyncio.timeout(5):
        await server.disconnected.wait()


async def test_nobody_listens() -> None:
    ollama = OllamaProvider(LlmSettings(ollama_url=await refused_url()))

    with pytest.raises(ProviderUnreachable):
        await _pulled(ollama)
    with pytest.raises(ProviderUnreachable):
        await ollama.embed("m", ["a"])
    await ollama.aclose()


async def test_the_proxy_token_as_a_bearer() -> None:
    async with FakeOllama(token="s3cret") as proxy:
        settings = LlmSettings(
            proxy_url=proxy.url,
            proxy_auth_token=SecretStr("s3cret"),
            proxy_auth_header="authorization",
        )
        ollama = OllamaProvider(settings)
        await collect(ollama, ask("llama3.2"))
        await ollama.aclose()

        assert all(r.headers["authorization"] == "Bearer s3cret" for r in proxy.requests)
        assert all("x-proxy-auth" not in r.headers for r in proxy.requests)
