"""The tools of an agent without tools: nothing is offered, and whoever asks is told so."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.messages import Message, ToolCall, ToolSpec
from ruster.core.tools import Outcome, TurnScope

__all__ = ["NoTools"]


class NoTools:
    """Implements ``core.tools.Toolbox`` with an empty set."""

    async def offer(self, scope: TurnScope, messages: Sequence[Message]) -> tuple[ToolSpec, ...]:
        return ()

    async def run(self, scope: TurnScope, call: ToolCall, said: str = "") -> Outcome:
        return Outcome(f"there is no tool named {call.name!r}; answer without tools", failed=True)

    async def changes(self, scope: TurnScope, call: ToolCall) -> bool:
        return False
