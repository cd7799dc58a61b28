"""Tools that keep, find and delete facts: ``remember``, ``recall``, ``forget``."""

from __future__ import annotations

from pydantic import Field

from ruster.core.tool_ports import FORGET, MemoryPort, Recollection
from ruster.core.tools import Effect, Outcome, TurnScope
from ruster.tools.typed import Arguments, TypedTool, WrongUse

__all__ = ["Forget", "Recall", "Remember"]

_MAX_LINE = 300


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


class _ForgetArguments(Arguments):
    what: str = Field(min_length=1, max_length=1024)
    """As the user said it, such as "I live in Hanoi", "my birthday" or "Bob"."""


class Forget(TypedTool[_ForgetArguments]):
    """Forget: delete for good what is remembered, when the user asks for it. Tell them what the
    result says was deleted."""

    name = FORGET
    takes = _ForgetArguments
    effects = frozenset({Effect.WRITES})
    main = "what"
    confined = True

    def __init__(self, memory: MemoryPort) -> None:
        self._memory = memory

    async def call(self, arguments: _ForgetArguments, scope: TurnScope) -> Outcome:
        deleted = await self._memory.delete(scope, arguments.what)
        if deleted.refused:
            raise WrongUse(
                f"{deleted.refused} memories say that; nothing was deleted",
                "ask the user to say more exactly what to forget",
            )
        if not deleted.memories:
            return Outcome("nothing was deleted: no memory says that")
        origins = [it.origin for it in deleted.memories if it.origin is not None]
        for origin in origins:
            scope.taint.mark(origin)
        lines = [f"deleted for good ({len(deleted.memories)}):", *map(_line, deleted.memories)]
        if deleted.summaries:
            lines.append(f"with summaries made of them: {deleted.summaries}")
        return Outcome("\n".join(lines), origin=next(iter(origins), None))


def _line(memory: Recollection) -> str:
    text = " ".join(memory.text.split())
    return f"- {text if len(text) <= _MAX_LINE else text[:_MAX_LINE] + '...'}"
