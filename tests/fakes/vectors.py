"""Vectors of texts without a model: texts that share words are near each other."""

from __future__ import annotations

import hashlib
import random
import re

__all__ = ["vector_of"]


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return the sum of a random vector for each word, of any length."""
    total = [0.001] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        source = random.Random(hashlib.sha256(word.encode(errors="replace")).digest())
        total = [value + source.gauss(0, 1) for value in total]
    return total
