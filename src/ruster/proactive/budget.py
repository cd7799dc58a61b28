"""What ruster may spend on models by itself, in tokens, and what it has spent.

Idle tokens are those that its own parts took while nothing was due. There is no place that takes
any: the counter is there to show it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import cast

from ruster.core.clock import Clock
from ruster.core.inference import InferenceEvent, InferenceRequest, Usage
from ruster.core.ports import ChatModels, ModelList
from ruster.proactive.jobs.store import JobStore

__all__ = ["Budget", "WatchedModels"]

_wanted: ContextVar[bool] = ContextVar("ruster-proactive-wanted", default=False)


class WatchedModels:
    """Implements ``core.ports.ChatModels`` for the proactive parts; counts what nobody wanted."""

    def __init__(self, models: ChatModels) -> None:
        self._models = models
        self.idle_tokens = 0

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Say that something is due, or that somebody has asked."""
        token = _wanted.set(True)
        try:
            yield
        finally:
            _wanted.reset(token)

    async def stream(
        self, model: str, request: InferenceRequest
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Answer; see ``ChatModels``."""
        stream = cast(AsyncGenerator[InferenceEvent, None], self._models.stream(model, request))
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, Usage) and not _wanted.get():
                    self.idle_tokens += event.prompt + event.completion
                yield event

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model``."""
        return await self._models.context_size(model)

    async def models(self) -> ModelList:
        """List what every provider has."""
        return await self._models.models()


class Budget:
    """The tokens of a day, local time; ``limit`` 0 is none. What runs will take is reserved."""

    def __init__(self, store: JobStore, limit: int, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._reserved = 0
        self.limit = limit

    async def spent_today(self) -> int:
        """Return what runs have taken since midnight."""
        day = datetime.fromtimestamp(self._clock.now()).astimezone().date()
        midnight = datetime.combine(day, datetime.min.time()).astimezone().timestamp()
        return await self._store.tokens_since(midnight)

    async def left(self) -> int | None:
        """Return what may be spent yet today but for what is reserved; None without a limit.

        Below 0 more is reserved than there is.
        """
        if not self.limit:
            return None
        return self.limit - await self.spent_today() - self._reserved

    @contextmanager
    def reserved(self, tokens: int) -> Iterator[None]:
        """Put tokens aside while a run is on its way."""
        self._reserved += tokens
        try:
            yield
        finally:
            self._reserved -= tokens
