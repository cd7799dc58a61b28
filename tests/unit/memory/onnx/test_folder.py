"""What the files of a model say, whole, in part, or broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.onnx.folder import OnnxFolder, find_folders
from tests.models.tiny_onnx import cross_encoder, minilm, qwen_embedding, qwen_reranker


def _say(folder: Path, name: str, **facts: object) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(facts), "utf-8")


def test_what_minilm_says(tmp_path: Path) -> None:
    folder = minilm(tmp_path / "all-minilm")
    _say(folder, "1_Pooling/config.json", pooling_mode_mean_tokens=True)
    _say(folder, "sentence_bert_config.json", max_seq_length=32)
    found = OnnxFolder.read(folder)

    assert found.name == "all-minilm"
    assert found.model == folder / "onnx" / "model.onnx"
    assert found.pooling == "mean"
    assert found.max_tokens == 32
    assert found.prompts is None
    assert not found.rates


def test_what_qwen_says(tmp_path: Path) -> None:
    folder = qwen_embedding(tmp_path / "Qwen3-Embedding-0.6B-ONNX")
    _say(folder, "config_sentence_transformers.json", prompts={"query": "Q: ", "document": ""})
    found = OnnxFolder.read(folder)

    assert found.pooling == "last"
    assert found.max_tokens == 32_768
    assert found.prompts == {"query": "Q: ", "document": ""}


@pytest.mark.parametrize(
    ("mode", "pooling"),
    [("pooling_mode_cls_token", "first"), ("pooling_mode_lasttoken", "last")],
)
def test_the_way_of_pooling_is_read(tmp_path: Path, mode: str, pooling: str) -> None:
    folder = minilm(tmp_path)
    _say(folder, "1_Pooling/config.json", **{mode: True})

    assert OnnxFolder.read(folder).pooling == pooling


def test_quantized_files_come_first(tmp_path: Path) -> None:
    minilm(tmp_path)
    minilm(tmp_path, quantized=True)

    assert OnnxFolder.read(tmp_path).model.name == "model_quantized.onnx"


def test_rerankers_are_told_by_kind_or_name(tmp_path: Path) -> None:
    assert OnnxFolder.read(cross_encoder(tmp_path / "one")).rates
    assert OnnxFolder.read(qwen_reranker(tmp_path / "Qwen3-Reranker-0.6B")).rates
    assert not OnnxFolder.read(qwen_reranker(tmp_path / "qwen")).rates


def test_other_files_have_another_key(tmp_path: Path) -> None:
    first = OnnxFolder.read(minilm(tmp_path / "a"))
    same = OnnxFolder.read(minilm(tmp_path / "b"))
    other = OnnxFolder.read(minilm(tmp_path / "c", dimensions=401))

    assert first.key == same.key
    assert first.key != other.key


@pytest.mark.parametrize("text", ["", "[", "[]", '{"max_position_embeddings": "many"}', "\0"])
def test_odd_settings_say_nothing(tmp_path: Path, text: str) -> None:
    folder = minilm(tmp_path)
    for name in ("config.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).write_text(text, "utf-8")
    found = OnnxFolder.read(folder)

    assert found.max_tokens is None
    assert found.pooling == "mean"


@pytest.mark.parametrize("gone", ["tokenizer.json", "onnx/model.onnx"])
def test_a_folder_without_its_files_is_refused(tmp_path: Path, gone: str) -> None:
    (minilm(tmp_path) / gone).unlink()

    with pytest.raises(MemoryError) as raised:
        OnnxFolder.read(tmp_path)
    assert raised.value.code == "onnx_invalid"


def test_models_are_found_below_a_folder(tmp_path: Path) -> None:
    minilm(tmp_path / "minilm")
    qwen_embedding(tmp_path / "org" / "qwen")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tokenizer.json").touch()

    assert [it.name for it in find_folders([tmp_path, tmp_path / "no"])] == ["minilm", "qwen"]
