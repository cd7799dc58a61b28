"""Which of a few hundred short texts fit some words best: BM25 over whole texts.

For names and descriptions of tools, skills and the like, ranked anew for each question. Scores of
different collections cannot be compared.

Formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), with
the logarithm that never gets negative.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["Ranking", "words"]

_K1 = 1.2
_B = 0.75
_MAX_CHARS = 8192
_WORD = re.compile(r"[^\W_]+")
_MIN_STEM = 3
_COMMON = frozenset(
    _WORD.findall(
        "a an and any are as at be by can could do for from have how i if in into is it its me my "
        "of on or our please so some that the their them then there these this to us use was we "
        "what when where which who will with would you your"
    )
)


def words(text: str) -> list[str]:
    """Split a text into lower-case words without the commonest and without endings of plurals."""
    found = _WORD.findall(text[:_MAX_CHARS].lower())
    return [_singular(word) for word in found if word not in _COMMON]


class Ranking:
    """A collection of texts that can be asked which fit a question."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(words(text)) for text in texts]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean = max(sum(self._lengths) / len(texts), 1.0) if texts else 1.0
        self._holders = Counter(word for counts in self._counts for word in counts)

    def scores(self, question: str) -> list[float]:
        """Score each text, in their order; 0 means that no word is shared."""
        asked = set(words(question)) & self._holders.keys()
        weights = {word: self._weight(word) for word in sorted(asked)}
        return [
            sum(weight * self._saturated(counts[word], length) for word, weight in weights.items())
            for counts, length in zip(self._counts, self._lengths, strict=True)
        ]

    def _weight(self, word: str) -> float:
        holders = self._holders[word]
        return math.log(1 + (len(self._counts) - holders + 0.5) / (holders + 0.5))

    def _saturated(self, count: int, length: int) -> float:
        return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / self._mean))


def _singular(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > _MIN_STEM:
            return word.removesuffix(ending) + instead
    return word
