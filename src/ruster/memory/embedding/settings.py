"""Settings of embedders and rerankers: which models the memory uses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ruster.memory.onnx.settings import OnnxSettings

__all__ = ["EmbeddingSettings"]


class EmbeddingSettings(BaseModel):
    """Which model makes the memory's vectors, and which rates what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str = "auto"
    """The model that makes vectors: `provider/model`, `onnx/FOLDER`, `off` for search by words
    only, or `auto` for the best one that is on this machine already."""
    reranker: str = "off"
    """The model that rates what was found: `provider/model`, `onnx/FOLDER`, `auto` or `off`."""
    onnx_folders: tuple[Annotated[Path, AfterValidator(Path.expanduser)], ...] = (
        Path("~/.cache/ruster/onnx").expanduser(),
    )
    """Folders with models for the ONNX runtime, each in a folder of its own below."""
    onnx: OnnxSettings = Field(default_factory=OnnxSettings)
    cache_entries: int = Field(default=50_000, ge=0, le=10_000_000)
    """Vectors kept on the disk so that the same text is not computed twice; about 1.6 KiB each."""
