"""What tests of the memory share."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings

__all__ = ["cosine", "opened"]


@asynccontextmanager
async def opened(folder: Path, **settings: int) -> AsyncIterator[OnnxModel]:
    """Open the model in a folder, and close it at the end."""
    chosen = OnnxSettings.model_validate({"threads": 1, **settings})
    model = OnnxModel(OnnxFolder.read(folder), chosen)
    try:
        yield model
    finally:
        await model.aclose()


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how near two vectors of length 1 are."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True))
