"""All models, with what they take counted in the day's budget, whoever asks them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from ruster.agent.budget import DayBudget
from ruster.agent.context import estimate_tokens
from ruster.core.inference import InferenceEvent, InferenceRequest, Usage
from ruster.core.ports import ChatModels, ModelList

__all__ = ["MeteredModels"]

_ANSWER_TOKENS = 1024
"""What an answer without a limit of its own is expected to take."""


class MeteredModels:
    """Implements ``core.ports.ChatModels``. Beyond the budget nothing is asked.

    ``stream`` then raises ProviderError (``budget_exhausted``).
    """

    def __init__(self, models: ChatModels, budget: DayBudget) -> None:
        self._models = models
        self._budget = budget

    async def stream(
        self, model: str, request: InferenceRequest
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Answer; see ``ChatModels``."""
        answer_tokens = request.config.behaviour.max_tokens or _ANSWER_TOKENS
        needed = estimate_tokens(request.messages) + answer_tokens
        with self._budget.reserve(needed) as reservation:
            async with aclosing(_closable(self._models.stream(model, request))) as events:
                async for event in events:
                    if isinstance(event, Usage):
                        reservation.spend(event.prompt + event.completion)
                    yield event

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model``."""
        return await self._models.context_size(model)

    async def models(self) -> ModelList:
        """List what every provider has."""
        return await self._models.models()


def _closable(stream: AsyncIterator[InferenceEvent]) -> AsyncGenerator[InferenceEvent, None]:
    return cast(AsyncGenerator[InferenceEvent, None], stream)
