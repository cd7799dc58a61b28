"""How far two token lists agree; the reuse of KV cells rests on it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["common_prefix"]

_STRIDE = 512


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many first tokens two lists share."""
    size = min(len(one), len(other))
    start = 0
    while start < size and one[start : start + _STRIDE] == other[start : start + _STRIDE]:
        start += _STRIDE
    for index in range(start, min(start + _STRIDE, size)):
        if one[index] != other[index]:
            return index
    return min(start + _STRIDE, size)
