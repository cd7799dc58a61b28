"""The sizes of the trained model."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SHAPE", "Shape"]


@dataclass(frozen=True)
class Shape:
    """The sizes that the GGUF's header names."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 320
    context: int = 4096
    rope_base: float = 100_000.0
    epsilon: float = 1e-5


SHAPE = Shape()
