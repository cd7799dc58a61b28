"""The arithmetic of vectors with numpy; imported only where numpy is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ruster.core.errors import MemoryError
from ruster.core.memory import DIMENSIONS

__all__ = ["SIGN_WORDS", "dots", "encode_all", "nearest_signs"]

SIGN_WORDS = DIMENSIONS // 64
"""64-bit words that hold the signs of one vector."""
_STRIDE = 65_536
_TOP = 127.0


def encode_all(vectors: Sequence[Sequence[float]]) -> list[tuple[bytes, bytes, bytes]]:
    """Check and encode vectors as ``formats.encode`` does; raises MemoryError."""
    try:
        with np.errstate(over="ignore"):
            matrix = np.asarray(vectors, np.float32)
    except ValueError:
        matrix = np.empty((0, 0), np.float32)
    if matrix.shape != (len(vectors), DIMENSIONS):
        raise MemoryError(
            f"a vector of the memory has {DIMENSIONS} numbers, some have not",
            code="vector_invalid",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise MemoryError(
            "a vector has a number that is none, or points nowhere", code="vector_invalid"
        )
    matrix = matrix / lengths
    halves = matrix.astype("<f2")
    scaled = np.rint(matrix * (_TOP / np.abs(matrix).max(axis=1, keepdims=True))).astype(np.int8)
    signs = np.packbits(matrix > 0, axis=1, bitorder="little")
    return [
        (half.tobytes(), small.tobytes(), sign.tobytes())
        for half, small, sign in zip(halves, scaled, signs, strict=True)
    ]


def dots(query: Sequence[float], halves: Sequence[bytes]) -> list[float]:
    """Return the products of a query with stored vectors."""
    joined = b"".join(halves)
    if len(joined) != 2 * DIMENSIONS * len(halves):
        raise MemoryError("a stored vector is damaged", code="memory_corrupt")
    matrix = np.frombuffer(joined, "<f2").reshape(len(halves), DIMENSIONS).astype(np.float32)
    found: list[float] = (matrix @ np.asarray(query, np.float32)).tolist()
    return found


def nearest_signs(
    columns: npt.NDArray[np.uint64],
    query: npt.NDArray[np.uint64],
    allowed: npt.NDArray[np.bool_],
    count: int,
) -> npt.NDArray[np.intp]:
    """Return the places of the ``count`` vectors whose signs differ least, in no order.

    ``columns`` holds the signs by word: shape ``(SIGN_WORDS, n)``.
    """
    places = np.empty(0, np.intp)
    nearest = np.empty(0, np.uint16)
    limit = DIMENSIONS + 1  # of use are only distances below this
    for start in range(0, columns.shape[1], _STRIDE):
        part = columns[:, start : start + _STRIDE]
        distance = np.bitwise_count(part[0] ^ query[0]).astype(np.uint16)
        for word in range(1, SIGN_WORDS):
            distance += np.bitwise_count(part[word] ^ query[word])
        distance[~allowed[start : start + _STRIDE]] = DIMENSIONS + 1
        fresh = np.flatnonzero(distance < limit)
        places = np.concatenate((places, fresh + start))
        nearest = np.concatenate((nearest, distance[fresh]))
        if len(places) > count:
            best = np.argpartition(nearest, count - 1)[:count]
            places, nearest = places[best], nearest[best]
            limit = int(nearest.max())
    return places
