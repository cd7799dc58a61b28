"""The numbers of the ranking, in one place; bench/recall.py is where they are judged."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How parts of a score are weighed: words and vectors decide, the rest breaks near ties."""

    lexical: float = 1.0
    vector: float = 2.5
    sitting: float = 0.6
    """For the best words that were said in the same sitting, the item's own among them."""
    sitting_gap_s: float = 6 * 3600.0
    """A longer silence ends a sitting."""
    length: float = 0.45
    """Taken for each e-fold of an item's chunks, since long items have more chances to fit."""
    length_chunks: int = 8
    """Chunks beyond these take no more."""
    interact: float = 0.02
    assets: float = -0.02
    """Layers beside ``insights``."""
    age: float = 0.04
    """For what was said right now; half of it after ``age_half_life_days``."""
    age_half_life_days: float = 30.0
    date: float = 0.3
    """For what was said in a period that the question names."""
    date_slack_days: float = 2.0
    """Days around such a period that still give a part."""
    pinned: float = 0.05
    same_words: float = 0.25
    """Taken from what has the same words as something better, by how many it shares."""
    rerank: float = 0.7
    """The reranker's part in the score of what it has seen, from 0 to 1."""
