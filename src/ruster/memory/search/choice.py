"""Which of the ranked items are told: not twice the same, and no more than fits."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace

__all__ = ["diverse", "tokens_of"]

_CHARS_PER_TOKEN = 4
_MAX_CHARS = 2000
_SAME = 0.5
"""Shares of words up to this take nothing."""


def diverse(texts: Sequence[str], scores: Sequence[float], count: int, penalty: float) -> list[int]:
    """Return the places of at most ``count`` texts, best first.

    Maximal marginal relevance over words: a text loses up to ``penalty`` of its score by how much
    of its words a chosen one has, above a half.
    """
    words = [frozenset(text[:_MAX_CHARS].casefold().split()) for text in texts]
    taken = [0.0] * len(texts)
    compared = [0] * len(texts)
    left = [(-score, at) for at, score in enumerate(scores)]
    heapify(left)
    chosen: list[int] = []
    while left and len(chosen) < count:
        # A score only ever falls: one that is the best after all that was chosen is the best.
        at = left[0][1]
        before = taken[at]
        for one in chosen[compared[at] :]:
            if taken[at] >= penalty:
                break
            share = _shared(words[one], words[at])
            if share > _SAME:
                taken[at] = max(taken[at], penalty * (share - _SAME) / (1 - _SAME))
        compared[at] = len(chosen)
        if taken[at] > before:
            heapreplace(left, (taken[at] - scores[at], at))
        else:
            chosen.append(heappop(left)[1])
    return chosen


def tokens_of(text: str) -> int:
    """Return about how many tokens a text has."""
    return len(text.encode()) // _CHARS_PER_TOKEN + 1


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    if not one or not other:
        return 0.0
    return len(one & other) / len(one | other)
