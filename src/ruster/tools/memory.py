"""Tools that keep and find facts beyond a conversation: ``remember``, ``recall``."""

from __future__ import annotations

from pydantic import Field

from ruster.core.tool_ports import MemoryPort
from ruster.core.tools import Effect, Outcome, TurnScope
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["Recall", "Remember"]


class _RememberArguments(Arguments):
    text: str = Field(min_length=1, max_length=8192)


class Remember(TypedTool[_RememberArguments]):
    """Keep a fact for later conversations."""

    name = "remember"
    takes = _RememberArguments
    effects = frozenset({Effect.WRITES})
    main = "text"
    confined = True

    def __init__(self, memory: MemoryPort) -> None:
        self._memory = memory

    async def call(self, arguments: _RememberArguments, scope: TurnScope) -> Outcome:
        await self._memory.remember(scope, arguments.text)
        return Outcome("kept")


class _RecallArguments(Arguments):
    query: str = Field(min_length=1, max_length=1024)
    limit: int = Field(default=5, ge=1, le=50)


class Recall(TypedTool[_RecallArguments]):
    """Search what earlier conversations left."""

    name = "recall"
    takes = _RecallArguments
    effects = frozenset({Effect.READS})
    main = "query"
    confined = True
    paged = True

    def __init__(self, memory: MemoryPort) -> None:
        self._memory = memory

    async def call(self, arguments: _RecallArguments, scope: TurnScope) -> Outcome:
        found = await self._memory.recall(scope, arguments.query, arguments.limit)
        origins = [it.origin for it in found if it.origin is not None]
        for origin in origins:
            scope.taint.mark(origin)
        told = "\n".join(f"- {it.text}" for it in found)
        return Outcome(told or "[nothing]", origin=next(iter(origins), None))
