"""From a request of the Responses API to an ``InferenceRequest``; raises ``InvalidRequest``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from ruster.core.inference import Behaviour, InferenceConfig, InferenceRequest, Sampling
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parsing import checked
from ruster.gateway.openai.request import data_image
from ruster.gateway.openai.shapes import MAX_COUNT, Shape

__all__ = ["ResponseBody", "inference_of", "messages_of"]

_MAX_ITEMS = 10_000
_ROLES = {"developer": Role.SYSTEM}
_SKIPPED = ("reasoning",)
"""Kinds of items that clients send back, and that say nothing to a model of another maker."""


class _Format(Shape):
    type: Literal["text", "json_object", "json_schema"]
    # "schema" is a method of pydantic's models.
    shape: dict[str, Any] | None = Field(default=None, alias="schema")


class _Text(Shape):
    format: _Format | None = None


class _Tool(Shape):
    type: Literal["function"]
    name: str = Field(min_length=1, max_length=128)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _NamedTool(Shape):
    type: Literal["function"]
    name: str


class ResponseBody(Shape):
    """The whole request."""

    model: str | None = Field(default=None, max_length=256)
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[_Tool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | _NamedTool | None = None
    text: _Text | None = None
    max_output_tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    conversation: Any = None
    metadata: dict[str, str] | None = Field(default=None, max_length=16)

    @property
    def must_call(self) -> bool:
        """Whether the answer has to be a call of a tool."""
        return self.tool_choice == "required" or isinstance(self.tool_choice, _NamedTool)


class _MessageItem(Shape):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]]


class _TextPart(Shape):
    text: str


class _RefusalPart(Shape):
    refusal: str


class _ImagePart(Shape):
    image_url: str


class _CallItem(Shape):
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    arguments: str


class _ResultItem(Shape):
    call_id: str
    output: str | list[dict[str, Any]]


def inference_of(body: ResponseBody, model: str, messages: Sequence[Message]) -> InferenceRequest:
    """Return what is asked of a model: the instructions, then the conversation."""
    if body.background or body.conversation is not None:
        param = "background" if body.background else "conversation"
        raise InvalidRequest(f"{param}: not to be had here; leave it out", param)
    told = (Message(Role.SYSTEM, body.instructions),) if body.instructions else ()
    return InferenceRequest(model, (*told, *messages), _config(body), _tools(body))


def messages_of(body: ResponseBody, before: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages that ``input`` adds to those ``before`` it."""
    if isinstance(body.input, str):
        return (Message(Role.USER, body.input),)
    if not 0 < len(body.input) <= _MAX_ITEMS:
        raise InvalidRequest(f"input: give 1 to {_MAX_ITEMS} items", "input")
    called = {call.id: call.name for message in before for call in message.tool_calls}
    messages: list[Message] = []
    for number, item in enumerate(body.input):
        message = _message(item, f"input[{number}]", called)
        if message is None:
            continue
        called |= {call.id: call.name for call in message.tool_calls}
        messages.append(message)
    return tuple(_joined(messages))


def _message(item: Mapping[str, Any], where: str, called: Mapping[str, str]) -> Message | None:
    kind = item.get("type", "message")
    if kind == "message":
        said = checked(_MessageItem, item, where)
        text, images = _content(said.content, f"{where}.content")
        if images and said.role != "user":
            raise InvalidRequest(f"{where}.content: only users show pictures", f"{where}.content")
        return Message(_ROLES.get(said.role) or Role(said.role), text, images=images)
    if kind == "function_call":
        return _call(checked(_CallItem, item, where), where)
    if kind == "function_call_output":
        result = checked(_ResultItem, item, where)
        if result.call_id not in called:
            place = f"{where}.call_id"
            raise InvalidRequest(f"{place}: no call before it has this id", place)
        text, _ = _content(result.output, f"{where}.output")
        name = called[result.call_id]
        return Message(Role.TOOL, text, tool_call_id=result.call_id, name=name)
    if kind in _SKIPPED:
        return None
    raise InvalidRequest(f"{where}.type: {str(kind)[:100]!r} is not known here", f"{where}.type")


def _call(item: _CallItem, where: str) -> Message:
    try:
        arguments = json.loads(item.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        place = f"{where}.arguments"
        raise InvalidRequest(f"{place}: not a JSON object", place)
    call = ToolCall(item.call_id, item.name, arguments)
    return Message(Role.ASSISTANT, "", tool_calls=(call,))


def _content(content: str | list[dict[str, Any]], where: str) -> tuple[str, tuple[Image, ...]]:
    if isinstance(content, str):
        return content, ()
    texts, images = [], []
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        match part.get("type"):
            case "input_text" | "output_text" | "text":
                texts.append(checked(_TextPart, part, place).text)
            case "refusal":
                texts.append(checked(_RefusalPart, part, place).refusal)
            case "input_image":
                images.append(data_image(checked(_ImagePart, part, place).image_url, place))
            case kind:
                raise InvalidRequest(f"{place}.type: {str(kind)[:100]!r} is not known here", place)
    return "\n".join(texts), tuple(images)


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Make one message of what an assistant said and the calls it made right after."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last.role is message.role is Role.ASSISTANT and message.tool_calls:
            calls = last.tool_calls + message.tool_calls
            joined[-1] = dataclasses.replace(last, tool_calls=calls)
        else:
            joined.append(message)
    return joined


def _config(body: ResponseBody) -> InferenceConfig:
    defaults = Sampling()
    sampling = dataclasses.replace(
        defaults,
        temperature=defaults.temperature if body.temperature is None else body.temperature,
        top_p=body.top_p or defaults.top_p,
    )
    behaviour = Behaviour(max_tokens=body.max_output_tokens, json_schema=_schema(body))
    return InferenceConfig(behaviour, sampling)


def _schema(body: ResponseBody) -> Mapping[str, Any] | None:
    wanted = body.text.format if body.text else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.shape is None:
        raise InvalidRequest("text.format.schema: a JSON Schema is missing", "text.format.schema")
    return wanted.shape


def _tools(body: ResponseBody) -> tuple[ToolSpec, ...]:
    choice = body.tool_choice
    if choice == "none":
        return ()
    tools = tuple(
        ToolSpec(
            it.name,
            it.description or "",
            it.parameters or {"type": "object", "properties": {}},
        )
        for it in body.tools or ()
        if not isinstance(choice, _NamedTool) or it.name == choice.name
    )
    if body.must_call and not tools:
        raise InvalidRequest("tool_choice: there is no such tool", "tool_choice")
    return tools
