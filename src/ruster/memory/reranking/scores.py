"""Scores of any model, checked; and the errors of rerankers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ruster.core.errors import MemoryError

__all__ = ["checked", "failed", "probability"]


def checked(scores: Sequence[float], expected: int, model: str) -> list[float]:
    """Return the scores; raises MemoryError (``reranker_failed``) if they cannot be used."""
    if len(scores) != expected:
        raise failed(f"{model} gave {len(scores)} scores for {expected} documents")
    if not all(map(math.isfinite, scores)):
        raise failed(f"{model} gave a score that is no number")
    return list(scores)


def probability(logits: Sequence[float]) -> float:
    """Return how likely "yes" is: of one logit, or of those of "no" and "yes"."""
    margin = logits[-1] - (logits[0] if len(logits) > 1 else 0.0)
    if not math.isfinite(margin):
        return math.nan
    if margin >= 0:
        return 1 / (1 + math.exp(-margin))
    return math.exp(margin) / (1 + math.exp(margin))


def failed(message: str, *, retryable: bool = False) -> MemoryError:
    """Make the error of a reranker."""
    return MemoryError(message, code="reranker_failed", retryable=retryable)
