"""Tool calls put together from the pieces of a stream. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruster.core.errors import ProviderError
from ruster.core.messages import ToolCall
from ruster.llm.openai_compatible.wire import CallDelta
from ruster.llm.tool_calls import tool_call

__all__ = ["CallAssembler"]

_MAX_CALLS = 128
_MAX_ARGUMENT_CHARS = 1_000_000


@dataclass
class _Call:
    """A call as far as it has come."""

    index: int | None
    id: str | None
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: dict[str, Any] | None = None
    chars: int = 0


class CallAssembler:
    """Joins pieces by their index; a new id at a known index, or none of both, is a new call."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def add(self, delta: CallDelta) -> None:
        """Take one piece; raises ``ProviderError`` when a call grows beyond its bounds."""
        call = self._find(delta)
        function = delta.function
        if function is None:
            return
        call.name = call.name or function.name or ""
        if isinstance(function.arguments, str):
            call.pieces.append(function.arguments)
            call.chars += len(function.arguments)
        elif function.arguments is not None:
            call.whole = function.arguments
        if call.chars > _MAX_ARGUMENT_CHARS:
            raise _too_large("a tool call of more than a million characters")

    def finish(self) -> list[ToolCall]:
        """Return the calls; raises ``ProviderError`` (``provider_protocol``) for a broken one."""
        calls, self._calls = self._calls, []
        return [_made(call) for call in calls]

    def _find(self, delta: CallDelta) -> _Call:
        for call in reversed(self._calls):
            if _belongs(delta, call):
                call.id = call.id or delta.id
                return call
        if len(self._calls) >= _MAX_CALLS:
            raise _too_large(f"more than {_MAX_CALLS} tool calls")
        self._calls.append(_Call(delta.index, delta.id or None))
        return self._calls[-1]


def _belongs(delta: CallDelta, call: _Call) -> bool:
    if delta.id and call.id and delta.id != call.id:
        return False
    if delta.index is not None and call.index is not None:
        return delta.index == call.index
    if delta.id:
        return delta.id == call.id
    named = delta.function is not None and bool(delta.function.name)
    return not named  # without index and id, a name begins a call and all else goes on with it


def _made(call: _Call) -> ToolCall:
    if not call.name:
        raise ProviderError("the model called a tool without a name", code="provider_protocol")
    arguments: object = "".join(call.pieces) if call.whole is None else call.whole
    return tool_call(call.name, arguments, call.id)


def _too_large(what: str) -> ProviderError:
    return ProviderError(f"the provider sent {what}", code="provider_protocol")
