"""The shortlist by keywords: names and descriptions, ranked by the message's words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ruster.core.ranking import Ranking
from ruster.core.skills import Ranked, Skill
from ruster.core.tasks import spawn
from ruster.core.words import tokens

__all__ = ["KeywordShortlist"]

_NAME_WEIGHT = 3
"""A name counts as so many words of the description."""
_MAX_TERMS = 256
_CLEAR_TERMS = 2
"""Words a description must share with a message to be meant without a model's word; one is enough
in a short message when it is a word of the name, or comes again in the description."""
_SHORT_TERMS = 6
_CLEAR_SHARE = 0.6
"""How near to the best one a skill's score must come to be meant as well."""


class KeywordShortlist:
    """Implements ``core.skills.Shortlist``; its index is made anew when the skills change.

    The index is made in a thread, once for the same sequence of skills: whoever asks meanwhile
    waits for it. One that is overtaken by newer skills serves those who asked for it, and is gone.
    """

    def __init__(self) -> None:
        self._skills: Sequence[Skill] | None = None
        self._index: asyncio.Task[Ranking] | None = None

    async def rank(self, message: str, skills: Sequence[Skill], limit: int) -> tuple[Ranked, ...]:
        """Return the skills that share words with the message, the best first."""
        ranking = await self._indexed(skills)
        terms = list(dict.fromkeys(tokens(message)))[:_MAX_TERMS]
        scores = ranking.matches(terms)
        best = sorted(scores, key=lambda at: (-scores[at], skills[at].name))[:limit]
        if not best:
            return ()
        bar = scores[best[0]] * _CLEAR_SHARE
        return tuple(
            Ranked(
                skills[at],
                round(scores[at], 3),
                clear=scores[at] >= bar and _shared(ranking, at, terms) >= _CLEAR_TERMS,
            )
            for at in best
        )

    async def _indexed(self, skills: Sequence[Skill]) -> Ranking:
        """Return the index of these skills; a build that failed is tried again."""
        index = self._index
        if index is None or skills is not self._skills or _failed(index):
            build = asyncio.to_thread(_build, skills)
            self._skills, self._index = skills, (index := spawn(build, name="index of skills"))
        return await asyncio.shield(index)  # one who gives up does not stop it for the others


def _build(skills: Sequence[Skill]) -> Ranking:
    return Ranking([_terms(skill) for skill in skills])


def _failed(task: asyncio.Task[Ranking]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _shared(ranking: Ranking, at: int, terms: Sequence[str]) -> int:
    """Count the terms a skill shares; in a short message a telling one counts as enough."""
    enough = 2 if len(terms) <= _SHORT_TERMS else _MAX_TERMS
    counts = (ranking.counts[at][term] for term in terms)
    return sum(_CLEAR_TERMS if count >= enough else 1 for count in counts if count)


def _terms(skill: Skill) -> list[str]:
    return tokens(skill.name.replace("-", " ")) * _NAME_WEIGHT + tokens(skill.description)
