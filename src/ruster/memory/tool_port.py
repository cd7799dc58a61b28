"""The tools ``remember`` and ``recall`` on the memories of the session that calls them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ruster.core.memory import Hit, Layer, Record
from ruster.core.tool_ports import Recollection
from ruster.core.tools import TurnScope
from ruster.memory.space import MemorySpace

__all__ = ["ToolMemory"]


class ToolMemory:
    """Implements ``core.tool_ports.MemoryPort``; ``space`` opens the memories of a scope."""

    def __init__(self, space: Callable[[TurnScope], Awaitable[MemorySpace]]) -> None:
        self._space = space

    async def remember(self, scope: TurnScope, text: str) -> None:
        """Keep a fact in the owner's memory, with the origins of the turn."""
        space = await self._space(scope)
        await space.keep(
            Record(
                text=text,
                layer=Layer.INSIGHTS,
                kind="fact",
                source=f"{scope.session_id}/{scope.turn}",
                origins=tuple(sorted(scope.taint.origins)),
            )
        )

    async def recall(self, scope: TurnScope, query: str, limit: int) -> Sequence[Recollection]:
        """Return what fits best, each with an origin if it may be somebody else's words."""
        space = await self._space(scope)
        hits = await space.search(query, limit)
        await space.used(hits)
        return [_recollection(hit) for hit in hits]


def _recollection(hit: Hit) -> Recollection:
    origins = hit.record.origins
    return Recollection(hit.passage, origins[0] if origins else None)
