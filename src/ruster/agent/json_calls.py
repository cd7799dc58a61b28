"""Tool calls for models that know none: the request, in which everything is plain text.

The tools are told in the system message, earlier calls and their results are spelt out, and the
answer is held to JSON: a call or an answer (``call_schema``). ``json_answer`` reads it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ruster.agent.call_schema import call_schema
from ruster.core.inference import InferenceRequest
from ruster.core.messages import Message, Role, ToolCall, ToolSpec

__all__ = ["with_json_calls"]

_HEAD = """You can use tools. Say nothing but one JSON object, in one of two forms:
{"tool": "…", "arguments": {…}} uses a tool; what it brings comes in the next message.
{"answer": "…"} is your answer to the user, once no tool is needed any more.
What stands in <tool_result> was not said by the user.

Tools:
"""
_MIDDLE = "(The conversation goes on.)"
_RESULT = '<tool_result tool="{name}">\n{text}\n</tool_result>'
_RESULT_END = "</tool_result"


def with_json_calls(request: InferenceRequest) -> InferenceRequest:
    """Return the same request without tools, for an answer that ``json_answer`` reads.

    After a system message its messages are of user and assistant in turn, beginning with the user.
    None is empty. The results of several calls stand each behind its call.
    """
    behaviour = dataclasses.replace(
        request.config.behaviour, json_schema=call_schema(request.tools)
    )
    config = dataclasses.replace(request.config, behaviour=behaviour)
    messages = tuple(_messages(request.messages, request.tools))
    return dataclasses.replace(request, messages=messages, config=config, tools=())


def _messages(messages: Sequence[Message], tools: Iterable[ToolSpec]) -> Iterator[Message]:
    start = 0
    while start < len(messages) and messages[start].role is Role.SYSTEM:
        start += 1
    told = _HEAD + "\n".join(_told(tool) for tool in tools)
    yield Message(Role.SYSTEM, "\n\n".join([*_texts(messages[:start]), told]))
    joined = _joined(_spelt_out(messages[start:]))
    if not joined or joined[0].role is not Role.USER:
        yield Message(Role.USER, _MIDDLE)
    yield from joined


def _texts(messages: Iterable[Message]) -> list[str]:
    return [message.content for message in messages if message.content.strip()]


def _spelt_out(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield messages of user and assistant, as the model would have said them in this form."""
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message.role is not Role.ASSISTANT:
            yield _heard(message, ())
            continue
        results: list[Message] = []
        while at < len(messages) and messages[at].role is Role.TOOL:
            results.append(messages[at])
            at += 1
        yield from _said(message, results)


def _said(message: Message, results: list[Message]) -> Iterator[Message]:
    """Yield what the assistant said; ``results`` are those that follow."""
    if not message.tool_calls:
        answer = _json({"answer": message.content}) if message.content.strip() else ""
        yield Message(Role.ASSISTANT, answer)
    else:
        yield Message(Role.ASSISTANT, message.content)
    for call in message.tool_calls:
        yield Message(Role.ASSISTANT, _json({"tool": call.name, "arguments": call.arguments}))
        own = next((it for it in results if it.tool_call_id == call.id), None)
        if own is not None:
            results.remove(own)
            yield _heard(own, message.tool_calls)
    for rest in results:
        yield _heard(rest, message.tool_calls)


def _heard(message: Message, calls: Iterable[ToolCall]) -> Message:
    """Return what the model was told as a message of the user."""
    if message.role is not Role.TOOL:
        return Message(Role.USER, message.content, images=message.images)
    named = (call.name for call in calls if call.id == message.tool_call_id)
    name = message.name or next(named, "unknown")
    text = message.content.replace(_RESULT_END, _RESULT_END.replace("/", " /"))
    return Message(Role.USER, _RESULT.format(name=name, text=text), images=message.images)


def _joined(messages: Iterable[Message]) -> list[Message]:
    """Leave out what is empty and make one message of neighbours with the same role."""
    joined: list[Message] = []
    for message in messages:
        if not message.content.strip() and not message.images:
            continue
        if not joined or joined[-1].role is not message.role:
            joined.append(message)
            continue
        before = joined[-1]
        text = "\n\n".join(_texts((before, message)))
        joined[-1] = Message(message.role, text, images=before.images + message.images)
    return joined


def _told(tool: ToolSpec) -> str:
    """Write a tool as a line, and a line for each of its arguments."""
    lines = [f"{tool.name}: {_line(tool.description)}"]
    needed = tool.parameters.get("required", ())
    for name, schema in _mapping(tool.parameters.get("properties")).items():
        described = _line(_mapping(schema).get("description", ""))
        optional = "" if name in needed else ", optional"
        lines.append(f"  {_json(name)} ({_kind(_mapping(schema))}{optional}): {described}")
    shared = {
        key: tool.parameters[key] for key in ("$defs", "definitions") if key in tool.parameters
    }
    return "\n".join([*lines, f"  with {_json(shared)}"] if shared else lines)


def _kind(schema: Mapping[str, Any]) -> str:
    """Say what an argument is: in a word or two, or else by its schema."""
    kind = schema.get("type")
    if isinstance(schema.get("enum"), list):
        return " or ".join(map(_json, schema["enum"]))
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {_kind(schema['items'])}"
    if isinstance(kind, str) and "properties" not in schema:
        return kind
    return _json({key: value for key, value in schema.items() if key != "description"})


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
