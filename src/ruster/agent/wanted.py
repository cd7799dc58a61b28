"""Tool calls as models send them, brought into a form that can be kept, told and compared."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from ruster.core.ids import new_id
from ruster.core.messages import ToolCall

__all__ = ["argument_bytes", "wanted"]

_MAX_NAME_CHARS = 128


def wanted(call: ToolCall, known: Collection[str]) -> ToolCall:
    """Return the call with strict JSON as its arguments, and an id that is not ``known``.

    Half characters become question marks, numbers that are none become null.
    """
    name, call_id = _text(call.name), _text(call.id)
    return replace(
        call,
        id=call_id if call_id and call_id not in known else new_id("call"),
        name=name,
        arguments=json.loads(_written(call), parse_constant=lambda _: None),
    )


def argument_bytes(call: ToolCall) -> int:
    """Return the size of a call's arguments."""
    return len(_written(call))


def _written(call: ToolCall) -> bytes:
    return json.dumps(call.arguments, ensure_ascii=False, default=str).encode(errors="replace")


def _text(text: str) -> str:
    return text[:_MAX_NAME_CHARS].encode(errors="replace").decode()
