"""Models that several parts use are opened once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.embedding.onnx import OnnxEmbedder
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.models import OnnxModels
from tests.models.tiny_onnx import minilm, qwen_embedding


async def test_a_folder_is_opened_once_and_all_are_closed(tmp_path: Path) -> None:
    first, again, other = (
        OnnxFolder.read(folder)
        for folder in (minilm(tmp_path / "a"), tmp_path / "a", qwen_embedding(tmp_path / "b"))
    )
    models = OnnxModels()
    one = models.open(first)

    assert models.open(again) is one
    assert models.open(other) is not one
    embedder = OnnxEmbedder(one)
    await embedder.embed(["red"])
    await models.aclose()
    with pytest.raises(MemoryError, match="closed"):
        await embedder.embed(["red"])
