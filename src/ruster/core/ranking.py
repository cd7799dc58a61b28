"""Which of a few hundred short texts fit some words best: Okapi BM25 over whole texts.

For names and descriptions of tools and skills. Scores of different collections cannot be compared.

score(d) = Σ over terms t of the question: idf(t) · tf·(k1+1) / (tf + k1·(1 - b + b·len(d)/avg)),
with idf(t) = ln(1 + (N - n(t) + 0.5)/(n(t) + 0.5)), which never gets negative; k1 = 1.2 and
b = 0.75 as is usual (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ruster.core.words import tokens

__all__ = ["Ranking"]

_K1 = 1.2
_B = 0.75


class Ranking:
    """A collection of texts, each given as its terms, that can be asked which fit a question."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.counts = tuple(Counter(text) for text in texts)
        """How often each term stands in each text."""
        self._postings: dict[str, list[tuple[int, int]]] = {}
        for at, counts in enumerate(self.counts):
            for term, count in counts.items():
                self._postings.setdefault(term, []).append((at, count))
        lengths = [counts.total() for counts in self.counts]
        average = sum(lengths) / len(lengths) if any(lengths) else 1.0
        self._norms = [1 - _B + _B * length / average for length in lengths]

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Ranking:
        """Make a collection of plain texts."""
        return cls([tokens(text) for text in texts])

    def matches(self, terms: Sequence[str]) -> dict[int, float]:
        """Return the scores of the texts that share terms with a question, by their place."""
        scores: dict[int, float] = {}
        for term in dict.fromkeys(terms):
            postings = self._postings.get(term, ())
            weight = self._idf(len(postings))
            for at, count in postings:
                saturated = count * (_K1 + 1) / (count + _K1 * self._norms[at])
                scores[at] = scores.get(at, 0.0) + weight * saturated
        return scores

    def scores(self, question: str) -> list[float]:
        """Score each text, in their order; 0 means that no word is shared."""
        matches = self.matches(tokens(question))
        return [matches.get(at, 0.0) for at in range(len(self.counts))]

    def _idf(self, holders: int) -> float:
        return math.log(1 + (len(self.counts) - holders + 0.5) / (holders + 0.5))
