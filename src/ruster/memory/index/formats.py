"""How a vector is stored: as half floats, as bytes for the exact index, as signs for the coarse.

With numpy in the process the arithmetic is numpy's, else plain Python's.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Sequence
from operator import mul

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS

__all__ = ["Encoded", "checked", "cosines", "encode", "from_half", "many_encoded"]

_HALF = struct.Struct(f"<{DIMENSIONS}e")
_BYTES = struct.Struct(f"<{DIMENSIONS}b")
_TOP = 127.0

Encoded = tuple[bytes, bytes, bytes]
"""The half floats (768 bytes), the signed bytes (384) and the signs (48) of one vector."""


def checked(vector: Sequence[float]) -> Sequence[float]:
    """Return the vector with length 1; raises MemoryError (``vector_invalid``)."""
    if len(vector) != DIMENSIONS:
        raise MemoryError(
            f"a vector of the memory has {DIMENSIONS} numbers, this one has {len(vector)}",
            code="vector_invalid",
        )
    length = math.sqrt(sum(map(mul, vector, vector)))
    if not math.isfinite(length) or length == 0:
        raise MemoryError(
            "a vector has a number that is none, or points nowhere", code="vector_invalid"
        )
    if abs(length - 1) < 1e-4:
        return vector
    return [value / length for value in vector]


def encode(vector: Sequence[float]) -> Encoded:
    """Return all stored forms of a checked vector.

    The bytes are scaled by the largest number: the cosine does not mind.
    """
    scale = _TOP / max(map(abs, vector))
    signs = 0
    for at, value in enumerate(vector):
        if value > 0:
            signs |= 1 << at
    return (
        _HALF.pack(*vector),
        _BYTES.pack(*(round(value * scale) for value in vector)),
        signs.to_bytes(DIMENSIONS // 8, "little"),
    )


def many_encoded(vectors: Sequence[Sequence[float]]) -> list[Encoded]:
    """Check and encode vectors; raises MemoryError (``vector_invalid``)."""
    if not vectors or "numpy" not in sys.modules:
        return [encode(checked(vector)) for vector in vectors]
    from ruster.memory.index.arrays import encode_all

    return encode_all(vectors)


def from_half(half: bytes) -> tuple[float, ...]:
    """Read a stored vector; raises MemoryError (``memory_corrupt``) for one of the wrong size."""
    try:
        return _HALF.unpack(half)
    except struct.error as error:
        raise MemoryError("a stored vector is damaged", code="memory_corrupt") from error


def cosines(query: Sequence[float], halves: Sequence[bytes]) -> list[float]:
    """Return how near stored vectors are to a query of length 1."""
    if "numpy" in sys.modules and len(halves) >= 8:
        from ruster.memory.index.arrays import dots

        return dots(query, halves)
    return [sum(map(mul, query, from_half(half))) for half in halves]
