"""The body of a chat completion request, in the dialect of the server. No I/O."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruster.core.inference import InferenceConfig, InferenceRequest
from ruster.core.messages import Message, Role, ToolCall, ToolSpec

__all__ = ["DIALECTS", "Dialect", "chat_body", "refused_field"]

_OPTIONAL = (
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one service differs: ``limit`` names the field for the longest answer, ``extended`` says
    that sampling settings beyond OpenAI's are understood, ``window`` is what its models have at
    least, in tokens, where it does not tell.
    """

    limit: str = "max_tokens"
    extended: bool = False
    window: int | None = None


DIALECTS: Mapping[str, Dialect] = {
    "groq": Dialect(limit="max_completion_tokens"),
    "openai": Dialect(limit="max_completion_tokens", window=128_000),
    "openrouter": Dialect(),
    "xai": Dialect(limit="max_completion_tokens", window=131_072),
}
"""By prefix; all others take ``Dialect(extended=True)``."""


def chat_body(
    request: InferenceRequest, dialect: Dialect, without: frozenset[str]
) -> dict[str, Any]:
    """Return the body of ``/chat/completions``; ``without`` are fields the server has refused."""
    behaviour = request.config.behaviour
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= _sampling(request.config, extended=dialect.extended)
    if behaviour.max_tokens is not None:
        late = "max_tokens" in without
        body["max_completion_tokens" if late else dialect.limit] = behaviour.max_tokens
    if behaviour.stop:
        body["stop"] = list(behaviour.stop)
    if behaviour.json_schema is not None:
        schema = {"name": "answer", "schema": dict(behaviour.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    return {name: value for name, value in body.items() if name not in without}


def refused_field(sentence: str, body: Mapping[str, Any]) -> str | None:
    """Return the field of ``body`` that a refusal names and that can be left out, or None."""
    named = (name for name in _OPTIONAL if name in body)
    return next((name for name in named if re.search(rf"\b{name}\b", sentence)), None)


def _sampling(config: InferenceConfig, *, extended: bool) -> dict[str, Any]:
    sampling = config.sampling
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if extended:
        fields["top_k"] = sampling.top_k
        fields["min_p"] = sampling.min_p
        fields["repetition_penalty"] = sampling.repetition_penalty
    return fields


def _message(message: Message) -> dict[str, Any]:
    shape: dict[str, Any] = {"role": message.role.value, "content": _content(message)}
    if message.tool_calls:
        shape["tool_calls"] = [_call(call) for call in message.tool_calls]
        shape["content"] = message.content or None
    if message.role is Role.TOOL:
        shape["tool_call_id"] = message.tool_call_id or ""
    return shape


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = []
    if message.content:
        parts.append({"type": "text", "text": message.content})
    for image in message.images:
        url = f"data:{image.media_type};base64,{b64encode(image.data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }
