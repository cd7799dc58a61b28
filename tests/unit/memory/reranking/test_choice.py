"""The choice of a reranker, and its scores."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Reranker
from ruster.memory.onnx.folder import OnnxFolder, find_folders
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings
from ruster.memory.reranking.choice import choose_reranker
from ruster.memory.reranking.onnx import OnnxReranker
from ruster.memory.reranking.provider import ProviderReranker
from ruster.memory.reranking.scores import probability
from tests.models.tiny_onnx import cross_encoder, minilm
from tests.unit.memory.reranking.test_provider import Models


def choose(wanted: str, folders: list[OnnxFolder], *local: str) -> Reranker | None:
    def opened(folder: OnnxFolder) -> OnnxModel:
        return OnnxModel(folder, OnnxSettings())

    return choose_reranker(wanted, folders, opened, local, Models())


@pytest.fixture
def folders(tmp_path: Path) -> list[OnnxFolder]:
    """An embedder and a cross-encoder."""
    minilm(tmp_path / "a")
    cross_encoder(tmp_path / "ms-marco")
    return find_folders([tmp_path])


def test_off_and_nothing_at_hand_are_none(folders: list[OnnxFolder]) -> None:
    assert choose("off", folders, "llamacpp/bge-reranker") is None
    assert choose("auto", [], "llamacpp/nomic-embed-text") is None


def test_what_is_at_hand_or_named_is_taken(folders: list[OnnxFolder]) -> None:
    assert isinstance(choose("auto", folders, "llamacpp/bge-reranker"), OnnxReranker)
    assert isinstance(choose("auto", [], "llamacpp/bge-reranker"), ProviderReranker)
    assert isinstance(choose("onnx/ms-marco", folders), OnnxReranker)
    assert isinstance(choose("llamacpp/any", folders), ProviderReranker)


@pytest.mark.parametrize("name", ["other", "a"])
def test_a_folder_that_is_no_reranker_is_told(folders: list[OnnxFolder], name: str) -> None:
    with pytest.raises(MemoryError, match="there: ms-marco") as raised:
        choose(f"onnx/{name}", folders)
    assert raised.value.code == "reranker_failed"


@pytest.mark.parametrize(
    ("logits", "likely"),
    [([0.0], 0.5), ([3.0, 3.0], 0.5), ([0.0, math.log(3)], 0.75), ([-1e9], 0.0), ([0.0, 1e9], 1.0)],
)
def test_logits_become_probabilities(logits: list[float], likely: float) -> None:
    assert probability(logits) == pytest.approx(likely)


def test_no_number_stays_none() -> None:
    assert math.isnan(probability([math.nan]))
    assert math.isnan(probability([math.inf, math.inf]))
