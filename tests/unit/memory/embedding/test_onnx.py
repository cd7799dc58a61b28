"""Vectors of the ONNX runtime, against what the tiny models must compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ruster.core.errors import MemoryError
from ruster.memory.embedding.onnx import OnnxEmbedder
from tests.models.tiny_onnx import BERT_MARKS, QWEN_MARKS, WORDS, minilm, qwen_embedding, states
from tests.unit.memory.support import opened

TEXTS = ["red fox", "the blue dog sleeps in the garden under the moon", "cat", ""]


def _unit(vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[float]:
    cut = vector[:384].astype(np.float64)
    return [float(it) for it in cut / np.linalg.norm(cut)]


def _mean(text: str) -> list[float]:
    known = [*BERT_MARKS, *WORDS]
    table = states(len(known), 400)
    words = ["[CLS]", *(word if word in known else "[UNK]" for word in text.split()), "[SEP]"]
    return _unit(np.mean([table[known.index(word)] for word in words], axis=0))


def _sum(words: Sequence[str]) -> list[float]:
    known = [*QWEN_MARKS, *WORDS]
    table = states(len(known), 1024)
    return _unit(np.sum([table[known.index(word)] for word in (*words, "<|endoftext|>")], axis=0))


@pytest.mark.parametrize("batch_tokens", [16, 40, 1024])
async def test_minilm_is_the_mean_of_the_tokens(tmp_path: Path, batch_tokens: int) -> None:
    async with opened(minilm(tmp_path), batch_tokens=batch_tokens) as model:
        vectors = await OnnxEmbedder(model).embed(TEXTS)

    for text, vector in zip(TEXTS, vectors, strict=True):
        assert vector == pytest.approx(_mean(text or "."), abs=1e-6)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("batch_tokens", [16, 1024])
async def test_qwen_is_the_state_of_the_last_token(
    tmp_path: Path, pooled: bool, batch_tokens: int
) -> None:
    folder = qwen_embedding(tmp_path / "qwen", pooled=pooled)
    async with opened(folder, batch_tokens=batch_tokens) as model:
        vectors = await OnnxEmbedder(model).embed(TEXTS[:3])

    for text, vector in zip(TEXTS, vectors, strict=False):
        assert vector == pytest.approx(_sum(text.split()), abs=1e-6)


async def test_queries_of_qwen_are_told_what_to_do(tmp_path: Path) -> None:
    plain = qwen_embedding(tmp_path / "plain")
    named = qwen_embedding(tmp_path / "Qwen3-Embedding-0.6B")
    telling = qwen_embedding(tmp_path / "telling")
    (telling / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "search query ", "document": "passage "}}'
    )
    found = {}
    for folder in (plain, named, telling):
        async with opened(folder) as model:
            embedder = OnnxEmbedder(model)
            for kind in ("query", "document"):
                found[folder.name, kind] = (await embedder.embed(["red fox"], kind))[0]

    as_it_is = pytest.approx(_sum(["red", "fox"]), abs=1e-6)
    assert found["plain", "query"] == as_it_is
    assert found[named.name, "document"] == as_it_is
    assert found[named.name, "query"] != as_it_is
    assert found["telling", "query"] == pytest.approx(_sum(["search", "query", "red", "fox"]))
    assert found["telling", "document"] == pytest.approx(_sum(["passage", "red", "fox"]))


async def test_a_text_counts_by_its_beginning(tmp_path: Path) -> None:
    async with opened(minilm(tmp_path), max_tokens=16) as model:
        embedder = OnnxEmbedder(model)
        long, cut = await embedder.embed(["red " * 5000, "red " * 14])

    assert long == cut


async def test_the_generation_names_the_files(tmp_path: Path) -> None:
    async with (
        opened(minilm(tmp_path / "a")) as first,
        opened(minilm(tmp_path / "b" / "a", dimensions=401)) as other,
    ):
        assert OnnxEmbedder(first).id == f"onnx/a-{first.folder.key}:384"
        assert OnnxEmbedder(first).id != OnnxEmbedder(other).id


async def test_vectors_that_are_too_short_are_refused(tmp_path: Path) -> None:
    async with opened(minilm(tmp_path, dimensions=383)) as model:
        with pytest.raises(MemoryError, match="383 numbers") as raised:
            await OnnxEmbedder(model).embed(["red"])
    assert raised.value.code == "embedder_failed"
