"""The shortlist by keywords: Okapi BM25 over names and descriptions.

score(d) = Σ over terms t of the message: idf(t) · tf·(k1+1) / (tf + k1·(1 - b + b·len(d)/avg)),
with idf(t) = ln(1 + (N - n(t) + 0.5)/(n(t) + 0.5)); k1 = 1.2 and b = 0.75 as is usual (Robertson
and Zaragoza, The Probabilistic Relevance Framework, 2009). A name counts as three words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ruster.core.skills import Ranked, Skill
from ruster.skills.words import tokens

__all__ = ["KeywordShortlist"]

_K1 = 1.2
_B = 0.75
_NAME_WEIGHT = 3
_MAX_TERMS = 256
_CLEAR_TERMS = 2
"""Words a description must share with a message to be meant without a model's word; one is enough
in a short message when it is a word of the name, or comes again in the description."""
_SHORT_TERMS = 6
_CLEAR_SHARE = 0.6
"""How near to the best one a skill's score must come to be meant as well."""


class KeywordShortlist:
    """Implements ``core.skills.Shortlist``; its index is made anew when the skills change."""

    def __init__(self) -> None:
        self._skills: Sequence[Skill] | None = None
        self._postings: dict[str, list[tuple[int, int]]] = {}
        self._norms: list[float] = []

    async def rank(self, message: str, skills: Sequence[Skill], limit: int) -> tuple[Ranked, ...]:
        """Return the skills that share words with the message, the best first."""
        if skills is not self._skills:
            self._index(skills)
        terms = list(dict.fromkeys(tokens(message)))[:_MAX_TERMS]
        scores: dict[int, float] = {}
        shared: Counter[int] = Counter()
        enough = 2 if len(terms) <= _SHORT_TERMS else _MAX_TERMS
        for term in terms:
            postings = self._postings.get(term, ())
            idf = math.log(1 + (len(skills) - len(postings) + 0.5) / (len(postings) + 0.5))
            for at, count in postings:
                weight = count * (_K1 + 1) / (count + _K1 * self._norms[at])
                scores[at] = scores.get(at, 0.0) + idf * weight
                shared[at] += _CLEAR_TERMS if count >= enough else 1
        best = sorted(scores, key=lambda at: (-scores[at], skills[at].name))[:limit]
        if not best:
            return ()
        bar = scores[best[0]] * _CLEAR_SHARE
        return tuple(
            Ranked(
                skills[at],
                round(scores[at], 3),
                clear=scores[at] >= bar and shared[at] >= _CLEAR_TERMS,
            )
            for at in best
        )

    def _index(self, skills: Sequence[Skill]) -> None:
        postings: dict[str, list[tuple[int, int]]] = {}
        lengths = []
        for at, skill in enumerate(skills):
            name = tokens(skill.name.replace("-", " "))
            words = name * _NAME_WEIGHT + tokens(skill.description)
            for term, count in Counter(words).items():
                postings.setdefault(term, []).append((at, count))
            lengths.append(len(words))
        average = sum(lengths) / len(lengths) if lengths and any(lengths) else 1.0
        self._norms = [1 - _B + _B * length / average for length in lengths]
        self._skills, self._postings = skills, postings
