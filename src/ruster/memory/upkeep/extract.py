"""A summary without a model: the sentences with the most telling words, in their order."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from ruster.core.words import tokens

__all__ = ["Extract"]

_WORDS = 120
_SENTENCE_WORDS = 60
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


class Extract:
    """Implements ``core.memory.Summarizer``; a summary has about so many ``words``."""

    def __init__(self, words: int = _WORDS) -> None:
        self._words = words

    async def summarize(self, texts: Sequence[str]) -> str:
        """Return whole sentences; never fails."""
        sentences = list(
            dict.fromkeys(
                " ".join(found[0].split()[:_SENTENCE_WORDS])
                for text in texts
                for found in _SENTENCE.finditer(text)
                if found[0].strip()
            )
        )
        terms = [frozenset(tokens(sentence)) for sentence in sentences]
        holders = Counter(term for found in terms for term in found)

        def worth(at: int) -> float:
            idf = (math.log(1 + len(terms) / holders[term]) for term in terms[at])
            return sum(idf) / math.sqrt(4 + len(terms[at]))

        chosen: list[int] = []
        words = 0
        for at in sorted(range(len(sentences)), key=lambda at: (-worth(at), at)):
            size = len(sentences[at].split())
            if words + size <= self._words or not chosen:
                chosen.append(at)
                words += size
        return "\n".join(sentences[at] for at in sorted(chosen))
