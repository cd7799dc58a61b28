"""From candidates to an order of items: the parts of their scores. No database is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ruster.core.memory import Layer, Scores
from ruster.memory.search.dates import Period
from ruster.memory.search.recipe import Recipe

__all__ = ["Candidate", "Ranked", "Situation", "rank", "reranked"]

_DAY_S = 86_400.0


class Candidate(NamedTuple):
    """A chunk that was found, and what its item is like; BM25 and cosine are 0 if not known."""

    source: int
    chunk: int
    item: int
    bm25: float
    cosine: float
    layer: Layer
    ts: float
    pinned: bool
    parts: int


class Ranked(NamedTuple):
    """An item with its best chunk."""

    best: Candidate
    scores: Scores


class Situation(NamedTuple):
    """What the ranking depends on beside the candidates."""

    recipe: Recipe
    now: float
    periods: Sequence[Period]


def rank(candidates: Iterable[Candidate], situation: Situation) -> list[Ranked]:
    """Return the items, best first, each with the scores of its best chunk."""
    found = list(candidates)
    recipe = situation.recipe
    top = max((it.bm25 for it in found), default=0.0) or 1.0
    best: dict[tuple[int, int], tuple[float, Candidate]] = {}
    for it in found:  # within an item only words and vectors tell chunks apart
        fit = recipe.lexical * it.bm25 / top + recipe.vector * it.cosine
        key = (it.source, it.item)
        if key not in best or fit > best[key][0]:
            best[key] = fit, it
    return sorted((Ranked(it, _scores(it, top, situation)) for _, it in best.values()), key=_order)


def reranked(ranked: Sequence[Ranked], ratings: Sequence[float], weight: float) -> list[Ranked]:
    """Return the rated items in their new order.

    Ratings have a scale of their own: both they and the scores are brought to 0 to 1 first.
    """
    old, new = _spread([it.scores.total for it in ranked]), _spread(ratings)
    mixed = [
        it._replace(scores=replace(it.scores, rerank=(1 - weight) * before + weight * after))
        for it, before, after in zip(ranked, old, new, strict=True)
    ]
    return sorted(mixed, key=_order)


def _scores(it: Candidate, top: float, situation: Situation) -> Scores:
    recipe = situation.recipe
    layers: Mapping[Layer, float] = {
        Layer.INTERACT: recipe.interact,
        Layer.INSIGHTS: 0.0,
        Layer.ASSETS: recipe.assets,
    }
    age_days = max(0.0, situation.now - it.ts) / _DAY_S
    return Scores(
        lexical=recipe.lexical * it.bm25 / top,
        vector=recipe.vector * it.cosine,
        length=-recipe.length * math.log(max(1, min(it.parts, recipe.length_chunks))),
        layer=layers[it.layer],
        age=recipe.age * 0.5 ** (age_days / recipe.age_half_life_days),
        date=recipe.date * max((_nearness(it.ts, p, recipe) for p in situation.periods), default=0),
        pinned=recipe.pinned * it.pinned,
    )


def _nearness(ts: float, period: Period, recipe: Recipe) -> float:
    """Return 1 inside a period, falling to 0 over the slack around it."""
    outside_s = max(period.start - ts, ts - period.end, 0.0)
    return max(0.0, 1.0 - outside_s / (recipe.date_slack_days * _DAY_S))


def _spread(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _order(it: Ranked) -> tuple[float, float, int]:
    return -it.scores.total, -it.best.ts, it.best.chunk
