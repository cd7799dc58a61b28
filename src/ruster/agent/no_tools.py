"""The tool runner of an agent without tools: it offers nothing and says so when asked."""

from __future__ import annotations

from ruster.core.errors import ToolError
from ruster.core.messages import Message, ToolCall, ToolSpec

__all__ = ["NoTools"]


class NoTools:
    """Implements ``core.ports.ToolRunner`` with an empty set."""

    async def offer(self, messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
        return ()

    async def run(self, call: ToolCall) -> str:
        raise ToolError(f"there is no tool named {call.name!r}; answer without tools")
