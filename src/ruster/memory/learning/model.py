"""A learner that asks a model, for what no rule reads, and believes only what was said.

Most turns cost nothing: a model is asked when a statement of the user's may last and the rules did
not read it already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from ruster.core.answering import Asked, NoAnswer
from ruster.core.memory import Record
from ruster.core.messages import Message
from ruster.core.ports import ChatModels
from ruster.core.tools import TurnScope
from ruster.memory.keeping import Learned, Learner, forgets
from ruster.memory.learning.asking import Suggestion, suggestions
from ruster.memory.learning.gate import may_last
from ruster.memory.learning.known import KnownFacts
from ruster.memory.learning.reading import HIDDEN, Statement
from ruster.memory.learning.refusals import SECRET
from ruster.memory.learning.rule import Found
from ruster.memory.learning.rules import read
from ruster.memory.learning.slots import fitting_slot
from ruster.memory.learning.support import is_supported, says_the_same, shared_part
from ruster.memory.learning.third_person import sentence
from ruster.memory.learning.turns import record_of, said_by_user
from ruster.memory.settings import MemorySettings

__all__ = ["ModelLearner"]

_log = structlog.stdlib.get_logger("ruster.memory")
_NEAR = 8
_SCORE = 0.6


@dataclass(frozen=True, slots=True)
class _Said:
    """A message of the user's as it was read."""

    message: Message
    statements: tuple[Statement, ...]
    unread: bool

    @property
    def told(self) -> str:
        """What it states; no question, quotation, pasted text or secret is shown to a model."""
        return ". ".join(
            it.text.replace(HIDDEN, "...")
            for it in self.statements
            if it.asked or not SECRET.search(it.text)
        )


class ModelLearner:
    """Implements ``memory.keeping.Learner``: the rules' findings, and what a model adds.

    ``known`` gives the facts that may be contradicted. Whatever goes wrong with the model leaves
    the rules' findings.
    """

    def __init__(
        self, rules: Learner, models: ChatModels, known: KnownFacts, settings: MemorySettings
    ) -> None:
        self._rules = rules
        self._models = models
        self._known = known
        self._settings = settings

    async def learn(
        self, scope: TurnScope, model: str, messages: Sequence[Message]
    ) -> Sequence[Learned]:
        """Return what the user's messages tell; raises errors of the tree."""
        if forgets(messages):
            return ()
        plain = list(await self._rules.learn(scope, model, messages))
        own = said_by_user(messages)
        said = await asyncio.to_thread(lambda: [_read(it) for it in own])
        if not any(it.unread for it in said):
            return plain
        known = await self._near(scope.owner, said)
        asked = self._asked(model)
        try:
            text = "\n".join(it.told for it in said)
            found = await suggestions(self._models, asked, text, [it.text for it in known])
        except NoAnswer as why:
            _log.info("learned_by_rules_only", model=asked.model, why=str(why))
            return plain
        return [*plain, *_believed(found, said, scope, (known, plain))]

    def _asked(self, model: str) -> Asked:
        own = self._settings
        may_load = bool(own.learn_model)
        return Asked(own.learn_model or model, own.learn_timeout_s, own.learn_tokens, may_load)

    async def _near(self, owner: int, said: Sequence[_Said]) -> list[Record]:
        """Return what is known that is near; never what others may have said."""
        near = await self._known(owner, " ".join(it.told for it in said), _NEAR)
        return [it for it in near if not it.origins]


def _read(message: Message) -> _Said:
    """Read a message; it is unread where a statement may last that the rules make nothing of."""
    told = read(message.content)
    unread = any(
        (found is None or bool(message.origins)) and may_last(statement)
        for statement, found in told
    )
    return _Said(message, tuple(statement for statement, _ in told), unread)


def _believed(
    found: Sequence[Suggestion],
    said: Sequence[_Said],
    scope: TurnScope,
    context: tuple[Sequence[Record], Sequence[Learned]],
) -> Iterator[Learned]:
    """Keep of a model's list what was said, and is not what is known or was read by rules."""
    known, plain = context
    texts = [it.record.text for it in plain] + [it.text for it in known]
    slots = {it.record.slot for it in plain if it.record.slot}
    for one in found:
        source = _source(one, said)
        slot = fitting_slot(one.slot, one.text) if one.kind == "fact" else ""
        if source is None or slot in slots or any(says_the_same(one.text, it) for it in texts):
            continue
        texts.append(one.text)
        fact = Found(sentence(one.text), one.kind, slot, _SCORE)
        if slot:
            slots.add(slot)
        contradicted = (known[at] for at in dict.fromkeys(one.contradicts))
        ids = tuple(it.id for it in contradicted if shared_part(it.text, one.text) > 0)
        yield Learned(record_of(fact, scope, source.origins), ids)


def _source(one: Suggestion, said: Sequence[_Said]) -> Message | None:
    """Return the message that says what was suggested, the user's own words first."""
    for it in sorted(said, key=lambda it: bool(it.message.origins)):
        asked = any(statement.asked for statement in it.statements)
        if SECRET.search(one.text) and not asked:
            continue
        if is_supported(one.text, it.statements):
            return it.message
    return None
