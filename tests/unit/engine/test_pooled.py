"""Vectors and scores: truth against numpy, several texts a step, and models that are not for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader

from ruster.core.errors import ModelError
from ruster.engine import native
from ruster.engine.host import EngineHost
from ruster.engine.model import LoadedModel
from ruster.engine.rerank import pair_tokens
from ruster.engine.settings import EngineSettings
from tests.engine_support import NEEDS_ENGINE, ask, read
from tests.models.bert import DIMENSIONS, HEADS

pytestmark = NEEDS_ENGINE

_Array = np.ndarray[Any, np.dtype[np.float64]]
_QUERY = "what is the capital of france"
_DOCUMENTS = [
    "paris is the capital of france",
    "the cat likes fish",
    "a meeting on monday",
    "paris",
    "",
    "bread and cheese and coffee " * 20,
]


def _cosine(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other))


def _standard(rows: _Array) -> _Array:
    centred = rows - rows.mean(-1, keepdims=True)
    scaled: _Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled


class _Bert:
    """The test model's shape in numpy: norms have weight one and bias zero, all biases are zero."""

    def __init__(self, path: Path) -> None:
        reader = GGUFReader(str(path))
        self.tensors = {
            tensor.name: np.array(tensor.data, np.float64).reshape(tensor.shape[::-1])
            for tensor in reader.tensors
        }

    def _linear(self, name: str, rows: _Array) -> _Array:
        product: _Array = rows @ self.tensors[f"{name}.weight"].T
        return product

    def score(self, tokens: list[int]) -> float:
        rows = self.tensors["token_embd.weight"][tokens]
        rows = _standard(rows + self.tensors["position_embd.weight"][: len(tokens)])
        for block in range(2):
            rows = self._block(f"blk.{block}", rows)
        return float(self._linear("cls.output", np.tanh(self._linear("cls", rows[0])))[0])

    def _block(self, prefix: str, rows: _Array) -> _Array:
        def heads(part: str) -> _Array:
            flat = self._linear(f"{prefix}.{part}", rows)
            return flat.reshape(len(rows), HEADS, -1).swapaxes(0, 1)

        likes = heads("attn_q") @ heads("attn_k").swapaxes(1, 2) / np.sqrt(DIMENSIONS / HEADS)
        likes = np.exp(likes - likes.max(-1, keepdims=True))
        mixed = (likes / likes.sum(-1, keepdims=True)) @ heads("attn_v")
        flat = mixed.swapaxes(0, 1).reshape(len(rows), -1)
        rows = _standard(rows + self._linear(f"{prefix}.attn_output", flat))
        up = self._linear(f"{prefix}.ffn_up", rows)
        up *= 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        return _standard(rows + self._linear(f"{prefix}.ffn_down", up))


async def test_scores_are_those_of_the_formula(either_host: EngineHost, tiny_rerank: Path) -> None:
    scores = await either_host.rerank(tiny_rerank, _QUERY, _DOCUMENTS)
    native.start()
    model = LoadedModel(tiny_rerank, EngineSettings(threads=1), lambda _: True)
    bert = _Bert(tiny_rerank)
    try:
        pairs = [pair_tokens(model, _QUERY, document, 512) for document in _DOCUMENTS]
    finally:
        model.close()
    assert scores == pytest.approx([bert.score(tokens) for tokens in pairs], abs=0.02)
    assert np.std(scores) > 0.1  # the documents matter
    backwards = await either_host.rerank(tiny_rerank, _QUERY, _DOCUMENTS[::-1])
    assert backwards == pytest.approx(scores[::-1], abs=1e-4)
    assert await either_host.rerank(tiny_rerank, _QUERY, []) == []


def test_a_pair_is_framed_and_cut_to_the_window(tiny_rerank: Path) -> None:
    native.start()
    model = LoadedModel(tiny_rerank, EngineSettings(threads=1), lambda _: True)
    try:
        pair = pair_tokens(model, "cat", "[SEP] dog", 512)
        cls, sep = 2, 3
        assert pair[0] == cls
        assert pair[-1] == sep
        assert pair.count(sep) == 2  # what a document says does not count
        long = pair_tokens(model, "cat " * 600, "dog " * 600, 512)
        assert len(long) == 512
        assert long[-1] == sep
        assert long.count(sep) == 2
    finally:
        model.close()


async def test_a_model_does_only_what_it_is_made_for(
    host: EngineHost, tiny_rerank: Path, tiny_bert: Path, tiny_f32: Path
) -> None:
    for other in (tiny_bert, tiny_f32):
        with pytest.raises(ModelError, match="reranking model") as caught:
            await host.rerank(other, "q", ["d"])
        assert caught.value.code == "not_a_reranker"
    with pytest.raises(ModelError) as caught:
        await host.embed(tiny_rerank, ["a"])
    assert caught.value.code == "not_an_embedder"
    with pytest.raises(ModelError) as caught:
        await read(host.infer(tiny_rerank, ask("Hello!")))
    assert caught.value.code == "not_a_chat_model"


async def test_vectors_are_cut_and_normalised_again(tiny_bert: Path) -> None:
    whole: list[list[float]] = []
    for dimensions in (384, 16):
        host = EngineHost(EngineSettings(threads=1, embedding_dimensions=dimensions))
        try:
            (vector,) = await host.embed(tiny_bert, ["the cat likes fish"])
        finally:
            await host.aclose()
        assert len(vector) == min(dimensions, DIMENSIONS)
        assert np.linalg.norm(vector) == pytest.approx(1)
        whole.append(vector)
    long, short = whole
    assert _cosine(long[:16], short) == pytest.approx(float(np.linalg.norm(long[:16])))
    assert np.linalg.norm(long[:16]) < 0.99


async def test_many_texts_at_once_are_those_one_by_one(
    either_host: EngineHost, tiny_bert: Path, tiny_f32: Path
) -> None:
    texts = [
        f"{word} " * (1 + 7 * at % 30) for at, word in enumerate(["cat", "dog", "the", "car"] * 9)
    ]
    for model in (tiny_bert, tiny_f32):
        together = await either_host.embed(model, texts)
        for text, vector in list(zip(texts, together, strict=True))[::7]:
            (alone,) = await either_host.embed(model, [text])
            assert _cosine(alone, vector) == pytest.approx(1, abs=1e-4)
        assert abs(_cosine(together[0], together[1])) < 0.99
