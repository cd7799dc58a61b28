"""Vectors as models give them, brought to one length."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["unit"]


def unit(vector: Sequence[float]) -> list[float]:
    """Return the vector with length 1; one without a direction stays as it is."""
    length = math.sqrt(math.fsum(value * value for value in vector))
    return [value / length for value in vector] if length else list(vector)
