"""The choice of an embedder: what a person said, or the best that is here."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.embedding.choice import Choice, choose_embedder
from ruster.memory.onnx.folder import OnnxFolder, find_folders
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings
from tests.models.tiny_onnx import minilm, qwen_embedding, qwen_reranker
from tests.unit.memory.embedding.test_provider import Models


def choose(
    wanted: str, folders: list[OnnxFolder] | None = None, local: tuple[str, ...] = ()
) -> Choice:
    def opened(folder: OnnxFolder) -> OnnxModel:
        return OnnxModel(folder, OnnxSettings())

    return choose_embedder(wanted, folders or [], opened, local, Models())


def id_of(choice: Choice) -> str:
    assert choice.embedder is not None
    return choice.embedder.id.split(":384")[0]


@pytest.fixture
def folders(tmp_path: Path) -> list[OnnxFolder]:
    """A small embedder and a reranker."""
    minilm(tmp_path / "all-MiniLM-L6-v2")
    qwen_reranker(tmp_path / "Qwen3-Reranker-0.6B")
    return find_folders([tmp_path])


def test_nothing_at_hand_is_search_by_words_with_a_hint() -> None:
    choice = choose("auto", local=("ollama/llama3.2:latest", "llamacpp/qwen2.5-0.5b"))

    assert choice.embedder is None
    assert choice.hint is not None
    assert "ollama pull nomic-embed-text" in choice.hint


def test_the_best_at_hand_is_taken(folders: list[OnnxFolder]) -> None:
    local = ("ollama/llama3.2", "ollama/all-minilm", "llamacpp/nomic-embed-text")
    choice = choose("auto", folders, local)

    assert id_of(choice) == "llamacpp/nomic-embed-text"
    assert choice.hint is None


def test_a_small_one_comes_with_a_hint(folders: list[OnnxFolder]) -> None:
    choice = choose("auto", folders, ("ollama/all-minilm",))

    assert id_of(choice).startswith("onnx/all-MiniLM-L6-v2-")
    assert choice.hint is not None
    assert "onnx/all-MiniLM-L6-v2" in choice.hint


def test_qwen_is_the_best(tmp_path: Path) -> None:
    folder = qwen_embedding(tmp_path / "Qwen3-Embedding-0.6B-ONNX")
    choice = choose("auto", [OnnxFolder.read(folder)], ("ollama/nomic-embed-text",))

    assert id_of(choice).startswith("onnx/Qwen3-Embedding-0.6B-ONNX-")


def test_rerankers_are_no_embedders(folders: list[OnnxFolder]) -> None:
    rerankers = [folder for folder in folders if folder.rates]

    assert choose("auto", rerankers, ("llamacpp/bge-reranker-v2-m3",)).embedder is None


def test_a_person_may_name_one_or_none(folders: list[OnnxFolder]) -> None:
    assert choose("off", folders, ("ollama/nomic-embed-text",)) == Choice(None)
    assert id_of(choose("openai/text-embedding-3-small")) == "openai/text-embedding-3-small"
    assert id_of(choose("onnx/all-MiniLM-L6-v2", folders)).startswith("onnx/all-MiniLM-L6-v2-")


def test_a_folder_that_is_not_there_is_told(folders: list[OnnxFolder]) -> None:
    with pytest.raises(MemoryError, match=r"there: all-MiniLM-L6-v2\)") as raised:
        choose("onnx/other", folders)
    assert raised.value.code == "embedder_failed"
