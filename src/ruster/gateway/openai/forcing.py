"""Answers that have to be a call of a tool: held to a JSON Schema, and read from it.

Models cannot be told to call a tool, but most can be held to a form. What comes in another form all
the same is passed on as the text it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall, ToolSpec

__all__ = ["forced", "read_forced"]

_MAX_CHARS = 256 * 1024
_TOLD = """You must use a tool now. Say nothing but one JSON object: {"tool": "…", "arguments": {…}}

Tools:
"""
_SHARED = ("$defs", "definitions")


def forced(request: InferenceRequest) -> InferenceRequest | None:
    """Return a request whose answer is a call; None where no schema can say so."""
    schema = _schema(request.tools)
    if schema is None:
        return None
    behaviour = dataclasses.replace(request.config.behaviour, json_schema=schema)
    told = _TOLD + "\n".join(
        json.dumps({"name": it.name, "description": it.description, "parameters": it.parameters})
        for it in request.tools
    )
    first, rest = request.messages[:1], request.messages
    if first and first[0].role is Role.SYSTEM:
        told, rest = f"{first[0].content}\n\n{told}", request.messages[1:]
    return dataclasses.replace(
        request,
        messages=(Message(Role.SYSTEM, told), *rest),
        config=dataclasses.replace(request.config, behaviour=behaviour),
        tools=(),
    )


async def read_forced(
    events: AsyncGenerator[InferenceEvent, None], tools: Sequence[ToolSpec]
) -> AsyncGenerator[InferenceEvent, None]:
    """Pass events on, the text of the answer as a call; closes ``events``."""
    text, plain = "", False
    usage: Usage | None = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Content) and not plain:
                text += event.text
                if len(text) > _MAX_CHARS:
                    plain = True
                    yield Content(text)
            elif isinstance(event, Usage):
                usage = event
            elif isinstance(event, Complete):
                said, end = _ending("" if plain else text, event, tools)
                for last in (*said, *([usage] if usage else []), end):
                    yield last
            else:
                yield event


def _ending(
    text: str, end: Complete, tools: Sequence[ToolSpec]
) -> tuple[list[InferenceEvent], Complete]:
    call = _call(text, {it.name for it in tools})
    if call is not None:
        return [ToolCallRequest(call)], Complete(FinishReason.TOOL_CALLS)
    return ([Content(text)] if text else []), end


def _call(text: str, names: set[str]) -> ToolCall | None:
    try:
        value = json.loads(text)
        finite = json.dumps(value, allow_nan=False, ensure_ascii=False)
        value = json.loads(finite.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    name, arguments = value.get("tool"), value.get("arguments", {})
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        return None
    return ToolCall(new_id("call"), name, arguments)


def _schema(tools: Sequence[ToolSpec]) -> Mapping[str, Any] | None:
    """Write the form of a call. Definitions are referred to from the root, so they go there."""
    forms: list[dict[str, Any]] = []
    shared: dict[str, dict[str, Any]] = {}
    for tool in tools:
        parameters = dict(tool.parameters)
        for key in _SHARED:
            own = parameters.pop(key, None)
            if not isinstance(own, dict):
                continue
            known = shared.setdefault(key, {})
            if any(name in known and known[name] != it for name, it in own.items()):
                return None
            known |= own
        forms.append(
            {
                "type": "object",
                "properties": {"tool": {"const": tool.name}, "arguments": parameters},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            }
        )
    if not forms:
        return None
    return {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), **shared}
