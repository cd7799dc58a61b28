"""Vectors of model providers: batches, prefixes, and failures as errors of the memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ruster.core.errors import MemoryError, ProviderError, ProviderUnreachable
from ruster.memory.embedding.prefixes import Prefixes
from ruster.memory.embedding.provider import ProviderEmbedder
from tests.fakes.vectors import vector_of


class Models:
    """Makes vectors without a model, and keeps what it was asked."""

    def __init__(self, dimensions: int = 400) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.failure: ProviderError | None = None
        self._dimensions = dimensions

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append((model, list(texts)))
        if self.failure is not None:
            raise self.failure
        return [vector_of(text, self._dimensions) for text in texts]


async def test_texts_go_in_batches_and_come_in_order() -> None:
    models = Models()
    texts = [f"text {at}" for at in range(70)]
    vectors = await ProviderEmbedder(models, "ollama/all-minilm").embed(texts)

    assert [len(batch) for _, batch in models.asked] == [32, 32, 6]
    assert {model for model, _ in models.asked} == {"ollama/all-minilm"}
    assert vectors == await ProviderEmbedder(models, "x/y").embed(texts)
    assert vectors[69] == (await ProviderEmbedder(models, "x/y").embed(["text 69"]))[0]


async def test_large_texts_go_in_smaller_batches() -> None:
    models = Models()
    await ProviderEmbedder(models, "x/y").embed(["long " * 5000] * 12)

    assert [len(batch) for _, batch in models.asked] == [10, 2]


async def test_prefixes_follow_the_name_or_are_given() -> None:
    models = Models()
    await ProviderEmbedder(models, "ollama/nomic-embed-text").embed(["a"], "query")
    given = ProviderEmbedder(models, "box/m", model="m", prefixes=Prefixes("q: ", "d: "))
    await given.embed(["a"])

    assert models.asked == [
        ("ollama/nomic-embed-text", ["search_query: a"]),
        ("m", ["d: a"]),
    ]
    assert given.id == "box/m:384"


@pytest.mark.parametrize(
    ("failure", "retryable"),
    [
        (ProviderUnreachable("Ollama is away"), True),
        (ProviderError("busy", retryable=True), True),
        (ProviderError("no", code="not_an_embedder"), False),
    ],
)
async def test_failures_are_errors_of_the_memory(failure: ProviderError, retryable: bool) -> None:
    models = Models()
    models.failure = failure

    with pytest.raises(MemoryError) as raised:
        await ProviderEmbedder(models, "ollama/x").embed(["a"])
    assert raised.value.code == "embedder_failed"
    assert raised.value.message == failure.message
    assert raised.value.retryable is retryable


async def test_a_model_with_short_vectors_is_refused() -> None:
    with pytest.raises(MemoryError, match="ollama/tiny have 8 numbers"):
        await ProviderEmbedder(Models(8), "ollama/tiny").embed(["a"])
