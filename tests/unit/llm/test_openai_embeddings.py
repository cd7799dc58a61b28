"""Vectors from OpenAI-compatible servers."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.ports import Embedder
from ruster.llm.openai_compatible.provider import OpenAiProvider
from tests.fakes.hosted import at
from tests.fakes.openai_server import FakeOpenAi
from tests.fakes.sse_faults import TRANSPORT_FAULTS, status
from tests.fakes.vectors import vector_of

MODEL = "gpt-4o-mini"


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAi]:
    """A fake OpenAI."""
    async with FakeOpenAi() as running:
        running.dimensions = 3
        yield running


@pytest.fixture
async def box(server: FakeOpenAi) -> AsyncIterator[OpenAiProvider]:
    """A provider on that server."""
    provider = OpenAiProvider(at("box", server.base_url))
    yield provider
    await provider.aclose()


async def test_vectors_have_length_one_and_the_order_of_their_texts(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    texts = ["a red fox", "blue", "fox"]
    found = await box.embed(MODEL, texts)

    assert isinstance(box, Embedder)
    assert server.requests[-1].path == "/v1/embeddings"
    assert server.requests[-1].json == {"model": MODEL, "input": texts}
    for text, vector in zip(texts, found, strict=True):
        wanted = vector_of(text, 3)
        length = math.hypot(*wanted)
        assert vector == pytest.approx([value / length for value in wanted])


async def test_no_texts_need_no_request(server: FakeOpenAi, box: OpenAiProvider) -> None:
    assert await box.embed(MODEL, []) == []
    assert server.requests == []


async def test_a_server_that_numbers_nothing_keeps_the_order(
    server: FakeOpenAi, box: OpenAiProvider
) -> None:
    server.faults["/embeddings"] = status(
        200, {"data": [{"embedding": [2, 0]}, {"embedding": [0, 3]}]}
    )
    assert await box.embed(MODEL, ["a", "b"]) == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"embedding": [1, 2], "index": 0}]},
        {"data": [{"embedding": [1, 2], "index": 0}, {"embedding": [1, 2], "index": 0}]},
        {"data": [{"embedding": ["x"]}, {"embedding": [1]}]},
        {"data": None},
        {},
        b"[]",
    ],
)
async def test_vectors_that_do_not_fit_are_an_error(
    server: FakeOpenAi, box: OpenAiProvider, body: object
) -> None:
    server.faults["/embeddings"] = status(200, body)

    with pytest.raises(ProviderError) as raised:
        await box.embed(MODEL, ["a", "b"])
    assert raised.value.code == "provider_protocol"


async def test_a_model_that_is_not_there(box: OpenAiProvider) -> None:
    with pytest.raises(ProviderUnreachable) as raised:
        await box.embed("no-such", ["a"])
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("name", ["another server", "closed without an answer"])
async def test_a_server_that_is_not_there(
    server: FakeOpenAi, box: OpenAiProvider, name: str
) -> None:
    server.faults["/embeddings"], code = TRANSPORT_FAULTS[name]

    with pytest.raises(ProviderError) as raised:
        await box.embed(MODEL, ["a"])
    assert raised.value.code == code
