"""Which learner works: by the setting ``memory.learn``."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.messages import Message
from ruster.core.ports import ChatModels
from ruster.core.tools import TurnScope
from ruster.memory.keeping import Learned, Learner
from ruster.memory.learning.known import KnownFacts
from ruster.memory.learning.model import ModelLearner
from ruster.memory.learning.rules import RuleLearner
from ruster.memory.settings import MemorySettings

__all__ = ["learner_for"]

_LOCAL = ("llamacpp", "ollama")
"""Providers of models that run here: asking them costs time, but no money."""


def learner_for(settings: MemorySettings, models: ChatModels, known: KnownFacts) -> Learner | None:
    """Return the learner that a person chose; None if nothing is to be learned from turns."""
    if settings.learn == "off":
        return None
    rules = RuleLearner(known)
    if settings.learn == "rules":
        return rules
    by_model = ModelLearner(rules, models, known, settings)
    if settings.learn == "model" or settings.learn_model:
        return by_model
    return _LocalOnly(rules, by_model)


class _LocalOnly:
    """Asks the model that has answered, if it runs here; else the rules alone."""

    def __init__(self, rules: Learner, by_model: Learner) -> None:
        self._rules = rules
        self._by_model = by_model

    async def learn(
        self, scope: TurnScope, model: str, messages: Sequence[Message]
    ) -> Sequence[Learned]:
        """Implement ``memory.keeping.Learner``."""
        local = model.partition("/")[0] in _LOCAL
        return await (self._by_model if local else self._rules).learn(scope, model, messages)
