"""From candidates to an order of items: the parts of their scores. No database is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ruster.core.memory import Layer, Scores
from ruster.memory.search.dates import Period
from ruster.memory.search.recipe import Recipe

__all__ = ["Candidate", "Ranked", "Situation", "rank", "reranked"]

_DAY_S = 86_400.0
_Key = tuple[int, int]
_Priors = tuple[float, float, float, float, float]


class Candidate(NamedTuple):
    """A chunk that was found, and what its item is like; BM25 and cosine are 0 if not known."""

    source: int
    chunk: int
    item: int
    bm25: float
    cosine: float
    layer: Layer
    ts: float
    session: str
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


def rank(
    candidates: Iterable[Candidate], situation: Situation, most: int | None = None
) -> list[Ranked]:
    """Return the items, or at most so many, best first, each with the scores of its best chunk."""
    found = list(candidates)
    recipe = situation.recipe
    top = max((it.bm25 for it in found), default=0.0) or 1.0
    best: dict[_Key, tuple[float, Candidate]] = {}
    for it in found:  # within an item only words and vectors tell chunks apart
        fit = recipe.lexical * it.bm25 / top + recipe.vector * it.cosine
        key = (it.source, it.item)
        if key not in best or fit > best[key][0]:
            best[key] = fit, it
    sittings = _sittings(found, recipe.sitting_gap_s)
    priors = _priors(situation)
    parts = [
        (it, (fit, recipe.sitting * sittings[key][0] / top, *priors(it)))
        for key, (fit, it) in best.items()
    ]
    parts.sort(key=lambda scored: (-sum(scored[1]), -scored[0].ts, scored[0].chunk))
    return [Ranked(it, _scores(it, top, scored, recipe)) for it, scored in parts[:most]]


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


def _sittings(found: Sequence[Candidate], gap_s: float) -> dict[_Key, list[float]]:
    """Return for each item the best BM25 of what was found of its sitting; alone, its own.

    All items of a sitting share one list, of one number.
    """
    sittings: dict[_Key, list[float]] = {}
    before: Candidate | None = None
    best = [0.0]
    for it in sorted(found, key=lambda it: (it.source, it.session, it.ts, it.item)):
        if before is None or not _together(before, it, gap_s):
            best = [0.0]
        best[0] = max(best[0], it.bm25)
        sittings[it.source, it.item] = best
        before = it
    return sittings


def _together(one: Candidate, later: Candidate, gap_s: float) -> bool:
    if one.source != later.source:
        return False
    if one.item == later.item:
        return True
    return bool(one.session) and one.session == later.session and later.ts - one.ts <= gap_s


def _priors(situation: Situation) -> Callable[[Candidate], _Priors]:
    """Return what says how much the rest counts for an item, whatever is asked for."""
    now, recipe, periods = situation.now, situation.recipe, situation.periods
    layers = {
        Layer.INTERACT: recipe.interact,
        Layer.INSIGHTS: 0.0,
        Layer.ASSETS: recipe.assets,
    }
    lengths = [
        -recipe.length * math.log(max(1, parts)) for parts in range(recipe.length_chunks + 1)
    ]
    half_life_s = recipe.age_half_life_days * _DAY_S

    def of(it: Candidate) -> _Priors:
        return (
            lengths[min(it.parts, recipe.length_chunks)],
            layers[it.layer],
            recipe.age * 0.5 ** (max(0.0, now - it.ts) / half_life_s),
            recipe.date * max((_nearness(it.ts, p, recipe) for p in periods), default=0.0),
            recipe.pinned * it.pinned,
        )

    return of


def _scores(it: Candidate, top: float, parts: Sequence[float], recipe: Recipe) -> Scores:
    _, sitting, length, layer, age, date, pinned = parts
    return Scores(
        lexical=recipe.lexical * it.bm25 / top,
        vector=recipe.vector * it.cosine,
        sitting=sitting,
        length=length,
        layer=layer,
        age=age,
        date=date,
        pinned=pinned,
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
