"""How much of what answers a question is among the first turns that were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.conversations import Question

__all__ = ["DEPTHS", "Tally", "recall_at"]

DEPTHS = (1, 5, 10, 25)


def recall_at(found: Sequence[str], evidence: frozenset[str], depth: int) -> float:
    """Return which part of the evidence is among the first ``depth`` turns found."""
    return len(evidence & set(found[:depth])) / len(evidence)


@dataclass
class Tally:
    """The mean over questions, each counting the same."""

    questions: int = 0
    _recalls: list[float] = field(default_factory=lambda: [0.0] * len(DEPTHS))
    _hits: list[int] = field(default_factory=lambda: [0] * len(DEPTHS))

    def add(self, question: Question, found: Sequence[str]) -> None:
        """Count a question; ``found`` are ids of turns, best first."""
        self.questions += 1
        for at, depth in enumerate(DEPTHS):
            part = recall_at(found, question.evidence, depth)
            self._recalls[at] += part
            self._hits[at] += part > 0

    def recall(self, depth: int) -> float:
        """Return the mean part of the evidence that was found, in percent."""
        return 100 * self._recalls[DEPTHS.index(depth)] / max(1, self.questions)

    def hits(self, depth: int) -> float:
        """Return for how many questions any of the evidence was found, in percent."""
        return 100 * self._hits[DEPTHS.index(depth)] / max(1, self.questions)

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> Tally:
        """Return the tally of all their questions."""
        whole = cls()
        for it in tallies:
            whole.questions += it.questions
            whole._recalls = [a + b for a, b in zip(whole._recalls, it._recalls, strict=True)]
            whole._hits = [a + b for a, b in zip(whole._hits, it._hits, strict=True)]
        return whole
