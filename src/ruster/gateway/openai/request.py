"""From a chat completion request to an ``InferenceRequest``; raises ``InvalidRequest``.

Pictures come inside the request (data URLs): nothing is fetched for a client. ``tool_choice`` can
hold back tools or offer a single one; whether one ``must_call`` is told, for whoever can see to it.
"""

from __future__ import annotations

import binascii
import dataclasses
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruster.core.inference import Behaviour, InferenceConfig, InferenceRequest, Sampling
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec
from ruster.core.strict_json import read_json
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parsing import parse
from ruster.gateway.openai.shapes import (
    Body,
    CallShape,
    Chat,
    ImagePart,
    MessageShape,
    NamedTool,
    OpenBody,
    TextPart,
    Tunable,
)

__all__ = ["ChatRequest", "data_image", "read_open_request", "read_request", "tuned"]

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|webp|gif));base64,", re.IGNORECASE)
_MAX_STOPS = 16
_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
_ROLES = {"developer": Role.SYSTEM}
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asks: the inference, with the model's full name, and how to tell its answer.

    ``must_call`` says that the answer has to be a call of one of the tools.
    """

    inference: InferenceRequest
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    must_call: bool = False


def read_request(data: bytes, defaults: InferenceConfig | None = None) -> ChatRequest:
    """Read a request's body; what it does not say comes from ``defaults``."""
    body = parse(Body, data)
    return _request(body, body.model, 1, defaults)


def read_open_request(data: bytes, defaults: InferenceConfig | None = None) -> ChatRequest:
    """Read a body that may name a model in any way, or none (its name is then empty)."""
    body = parse(OpenBody, data)
    return _request(body, body.model or "", body.n or 1, defaults)


def tuned(body: Tunable, defaults: InferenceConfig) -> InferenceConfig:
    """Return the settings of an inference as far as chats and plain completions share them."""
    given = {name: getattr(body, name) for name in _SAMPLING}
    sampling: Sampling = dataclasses.replace(
        defaults.sampling, **{name: value for name, value in given.items() if value is not None}
    )
    behaviour: Behaviour = dataclasses.replace(
        defaults.behaviour,
        max_tokens=body.max_tokens or defaults.behaviour.max_tokens,
        stop=_stops(body.stop) or defaults.behaviour.stop,
    )
    return InferenceConfig(behaviour, sampling)


def data_image(url: str, where: str) -> Image:
    """Read a picture out of a data URL."""
    head = _DATA_URL.match(url)
    if head is None:
        raise InvalidRequest(
            f"{where}: send a picture as data:image/png;base64,… (or jpeg, webp, gif): nothing is "
            "fetched from other addresses",
            where,
        )
    try:
        data = b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise InvalidRequest(f"{where}: a picture's data is not base64", where)
    return Image(data, head[1].lower())


def _request(body: Chat, model: str, choices: int, defaults: InferenceConfig | None) -> ChatRequest:
    inference = InferenceRequest(
        model=model,
        messages=_messages(body.messages),
        config=_config(body, defaults or InferenceConfig()),
        tools=_tools(body),
    )
    options = body.stream_options
    return ChatRequest(
        inference,
        stream=bool(body.stream),
        include_usage=bool(options and options.include_usage),
        choices=choices,
        must_call=body.tool_choice == "required" or isinstance(body.tool_choice, NamedTool),
    )


def _config(body: Chat, defaults: InferenceConfig) -> InferenceConfig:
    config = tuned(body, defaults)
    logprobs = _logprobs(body)
    behaviour = dataclasses.replace(
        config.behaviour,
        max_tokens=body.max_completion_tokens or config.behaviour.max_tokens,
        json_schema=_schema(body) or defaults.behaviour.json_schema,
    )
    if logprobs is None:
        return InferenceConfig(behaviour, config.sampling)
    return InferenceConfig(behaviour, dataclasses.replace(config.sampling, logprobs=logprobs))


def _logprobs(body: Chat) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs is not None:
        raise InvalidRequest("top_logprobs: set logprobs to true as well", "top_logprobs")
    return None


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = [stop] if isinstance(stop, str) else stop or []
    if len(stops) > _MAX_STOPS or not all(stops):
        raise InvalidRequest(f"stop: give up to {_MAX_STOPS} texts, none of them empty", "stop")
    return tuple(stops)


def _schema(body: Chat) -> Mapping[str, Any] | None:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return _ANY_OBJECT
    if wanted.json_schema is None or wanted.json_schema.shape is None:
        where = "response_format.json_schema.schema"
        raise InvalidRequest(f"{where}: a JSON Schema is missing", where)
    return wanted.json_schema.shape


def _tools(body: Chat) -> tuple[ToolSpec, ...]:
    choice = body.tool_choice
    if choice == "none":
        return ()
    found = tuple(
        ToolSpec(
            it.function.name,
            it.function.description or "",
            it.function.parameters or {"type": "object", "properties": {}},
        )
        for it in body.tools or ()
    )
    if not isinstance(choice, NamedTool):
        return found
    chosen = tuple(tool for tool in found if tool.name == choice.function.name)
    if not chosen:
        name = choice.function.name
        raise InvalidRequest(f"tool_choice: there is no tool named {name!r}", "tool_choice")
    return chosen


def _messages(shapes: Sequence[MessageShape]) -> tuple[Message, ...]:
    called: dict[str, str] = {}
    messages = []
    for number, shape in enumerate(shapes):
        where = f"messages[{number}]"
        calls = tuple(_call(call, where) for call in shape.tool_calls or ())
        called |= {call.id: call.name for call in calls}
        if shape.role == "tool" and shape.tool_call_id not in called:
            raise InvalidRequest(
                f"{where}.tool_call_id: no call before it has this id", f"{where}.tool_call_id"
            )
        text, images = _content(shape, where)
        messages.append(
            Message(
                _ROLES.get(shape.role) or Role(shape.role),
                text,
                tool_calls=calls if shape.role == "assistant" else (),
                tool_call_id=shape.tool_call_id if shape.role == "tool" else None,
                name=called.get(shape.tool_call_id or "") if shape.role == "tool" else None,
                images=images,
            )
        )
    return tuple(messages)


def _call(shape: CallShape, where: str) -> ToolCall:
    try:
        arguments = read_json((shape.function.arguments or "{}").encode())
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        place = f"{where}.tool_calls.function.arguments"
        raise InvalidRequest(f"{place}: not a JSON object", place)
    return ToolCall(shape.id, shape.function.name, arguments)


def _content(shape: MessageShape, where: str) -> tuple[str, tuple[Image, ...]]:
    if shape.content is None or isinstance(shape.content, str):
        return shape.content or "", ()
    texts, images = [], []
    for part in shape.content:
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, ImagePart):
            images.append(data_image(part.image_url.url, f"{where}.content"))
        else:
            texts.append(part.refusal)
    if images and shape.role != "user":
        raise InvalidRequest(f"{where}.content: only users show pictures", f"{where}.content")
    return "\n".join(texts), tuple(images)
