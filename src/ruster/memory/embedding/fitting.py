"""Vectors of any model brought to the memory's form, and texts to what every model takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS

__all__ = ["failed", "fitted", "valid"]

_MAX_CHARS = 6000
_NOTHING = "."


def fitted(vectors: Sequence[Sequence[float]], expected: int, model: str) -> list[list[float]]:
    """Cut vectors to ``DIMENSIONS`` numbers and bring them to length 1.

    Raises MemoryError (``embedder_failed``) for a wrong count, vectors too short, and numbers that
    are none.
    """
    if len(vectors) != expected:
        raise failed(f"{model} gave {len(vectors)} vectors for {expected} texts")
    return [_fitted(vector, model) for vector in vectors]


def valid(text: str) -> str:
    """Return the beginning of a text as every model takes it: not empty, no broken characters."""
    cut = text[:_MAX_CHARS].encode(errors="replace").decode().replace("\0", " ")
    return cut if cut.strip() else _NOTHING


def failed(message: str, *, retryable: bool = False) -> MemoryError:
    """Make the error of an embedder."""
    return MemoryError(message, code="embedder_failed", retryable=retryable)


def _fitted(vector: Sequence[float], model: str) -> list[float]:
    if len(vector) < DIMENSIONS:
        raise failed(
            f"the vectors of {model} have {len(vector)} numbers and the memory needs {DIMENSIONS}; "
            "choose a larger embedding model"
        )
    cut = vector[:DIMENSIONS]
    length = math.sqrt(math.fsum(value * value for value in cut))
    if not math.isfinite(length) or length == 0:
        raise failed(f"{model} gave a vector that points nowhere")
    return [value / length for value in cut]
