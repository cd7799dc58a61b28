"""From Ollama's chats and prompts to an ``InferenceRequest``; raises ``InvalidRequest``.

No I/O: pictures come inside the request, as base64.
"""

from __future__ import annotations

import binascii
import dataclasses
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from ruster.core.ids import new_id
from ruster.core.inference import Behaviour, InferenceConfig, InferenceRequest, Sampling
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec, media_type_of
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.ollama.shapes import (
    ChatBody,
    GenerateBody,
    MessageShape,
    OptionsShape,
    ToolShape,
)

__all__ = ["chat_request", "generate_request"]

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def chat_request(body: ChatBody, model: str) -> InferenceRequest:
    """Read a chat for the model of this full name."""
    return InferenceRequest(
        model=model,
        messages=_messages(body.messages),
        config=_config(body),
        tools=tuple(_tool(it) for it in body.tools or ()),
    )


def generate_request(body: GenerateBody, model: str) -> InferenceRequest:
    """Read a single prompt for the model of this full name."""
    for name in ("suffix", "raw", "template"):
        if getattr(body, name):
            raise InvalidRequest(
                f"{name}: models are only asked through their own chat template; leave it out", name
            )
    system = [Message(Role.SYSTEM, body.system)] if body.system else []
    user = Message(Role.USER, body.prompt or "", images=_images(body.images, "images"))
    return InferenceRequest(model=model, messages=(*system, user), config=_config(body))


def _config(body: ChatBody | GenerateBody) -> InferenceConfig:
    options = body.options or OptionsShape()
    most = options.num_predict
    schema = _ANY_OBJECT if body.format == "json" else body.format or None
    behaviour = Behaviour(
        max_tokens=most if most is not None and most > 0 else None,
        context_size=options.num_ctx,
        stop=_stops(options.stop),
        show_thinking=body.think is not False,
        json_schema=schema if isinstance(schema, Mapping) else None,
    )
    given = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": None if options.top_k is None else max(0, options.top_k),
        "min_p": options.min_p,
        "repetition_penalty": options.repeat_penalty,
        "seed": options.seed,
    }
    told = {name: value for name, value in given.items() if value is not None}
    return InferenceConfig(behaviour, dataclasses.replace(Sampling(), **told))  # type: ignore[arg-type]


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    return tuple(it for it in stops if it)


def _tool(shape: ToolShape) -> ToolSpec:
    function = shape.function
    parameters = function.parameters or dict(_NO_PARAMETERS)
    return ToolSpec(function.name, function.description or "", parameters)


def _messages(shapes: Sequence[MessageShape]) -> tuple[Message, ...]:
    """Read messages. Results of tools have no id here: they belong to the calls in their order."""
    open_calls: list[ToolCall] = []
    messages = []
    for number, shape in enumerate(shapes):
        where = f"messages.{number}"
        calls: tuple[ToolCall, ...] = ()
        answered: ToolCall | None = None
        if shape.role == "assistant":
            calls = tuple(
                ToolCall(it.id or new_id("call"), it.function.name, it.function.arguments)
                for it in shape.tool_calls or ()
            )
            open_calls = list(calls)
        elif shape.role == "tool":
            answered = _answered(shape, open_calls, where)
        messages.append(
            Message(
                Role(shape.role),
                shape.content or "",
                tool_calls=calls,
                tool_call_id=None if answered is None else answered.id,
                name=None if answered is None else answered.name,
                images=_images(shape.images, f"{where}.images"),
            )
        )
    return tuple(messages)


def _answered(shape: MessageShape, open_calls: list[ToolCall], where: str) -> ToolCall:
    """Find the call that a result answers: by id, else by the tool's name, else the next one."""
    for call in open_calls:
        by_id = shape.tool_call_id is None or shape.tool_call_id == call.id
        by_name = shape.tool_name is None or shape.tool_name == call.name
        if by_id and by_name:
            open_calls.remove(call)
            return call
    raise InvalidRequest(f"{where}: no call before it is left for this result", where)


def _images(texts: Sequence[str] | None, where: str) -> tuple[Image, ...]:
    return tuple(_image(text, f"{where}.{n}") for n, text in enumerate(texts or ()))


def _image(text: str, where: str) -> Image:
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{where}: not base64", where) from None
    if (kind := media_type_of(data)) is None:
        raise InvalidRequest(f"{where}: neither PNG, JPEG, GIF nor WebP", where)
    return Image(data, kind)
