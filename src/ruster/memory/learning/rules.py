"""A learner without a model: what people plainly say of themselves, by rules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ruster.core.memory import Record
from ruster.core.messages import Message
from ruster.core.tools import TurnScope
from ruster.memory.keeping import Learned, forgets
from ruster.memory.learning.english_life import LIFE
from ruster.memory.learning.english_people import GREETED, PEOPLE
from ruster.memory.learning.english_plans import PLANS
from ruster.memory.learning.english_self import SELF
from ruster.memory.learning.german import GERMAN
from ruster.memory.learning.known import KnownFacts
from ruster.memory.learning.reading import Statement, statements
from ruster.memory.learning.rule import Found, found_in
from ruster.memory.learning.support import says_the_same
from ruster.memory.learning.turns import record_of, remembered, said_by_user
from ruster.memory.records.sameness import digest_of

__all__ = ["RuleLearner", "find_facts", "read"]

_RULES = (*PEOPLE, *SELF, *LIFE, *PLANS, *GERMAN)
_AFTER_GREETING = (GREETED, *_RULES)
_MAX_FACTS = 16
_NEAR = 10


def read(text: str) -> list[tuple[Statement, Found | None]]:
    """Return what a person's message states, and what each statement plainly tells."""
    return [
        (it, found_in(it, _AFTER_GREETING if it.greeted else _RULES)) for it in statements(text)
    ]


def find_facts(text: str) -> list[Found]:
    """Return what a person's message plainly tells, at most 16 things; never raises."""
    told = {found.text: found for _, found in read(text) if found is not None}
    return list(told.values())[:_MAX_FACTS]


class RuleLearner:
    """Implements ``memory.keeping.Learner``; exact rather than complete.

    Only what a person wrote themself counts: a message with origins is not read. With ``known``, a
    fact that is said to hold no longer is taken for superseded.
    """

    def __init__(self, known: KnownFacts | None = None) -> None:
        self._known = known

    async def learn(
        self, scope: TurnScope, model: str, messages: Sequence[Message]
    ) -> Sequence[Learned]:
        """Return what the user's messages tell; raises errors of the tree."""
        if forgets(messages):
            return ()
        own = [it.content for it in said_by_user(messages) if not it.origins]
        told = await asyncio.to_thread(lambda: [it for text in own for it in find_facts(text)])
        learned: list[Learned] = []
        kept = remembered(messages)
        for found in {it.text: it for it in told}.values():
            if not found.slot and any(says_the_same(found.text, it) for it in kept):
                continue
            ended = await self._ended(scope.owner, found)
            learned.append(Learned(record_of(found, scope), tuple(it.id for it in ended)))
        return learned

    async def _ended(self, owner: int, found: Found) -> list[Record]:
        """Return the records that say what holds no longer, word for word."""
        if not found.denies or self._known is None:
            return []
        near = await self._known(owner, found.denies, _NEAR)
        said = digest_of(found.denies)
        return [it for it in near if digest_of(it.text) == said]
