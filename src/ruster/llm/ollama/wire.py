"""The JSON that Ollama takes and gives: chats, models, vectors, downloads. No I/O.

Shapes follow ollama/ollama ``api/types.go``. Only the fields ruster uses are named; further ones
are ignored, so that a newer Ollama does no harm.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any, TypeVar

from pydantic import ValidationError

from ruster.core.inference import InferenceConfig, InferenceRequest
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.llm import wire
from ruster.llm.wire import Wire

__all__ = [
    "ChatLine",
    "EmbedAnswer",
    "PullLine",
    "ShowAnswer",
    "Tag",
    "TagsAnswer",
    "WireToolCall",
    "chat_body",
    "keep_alive",
    "parse",
    "parse_error",
]


_W = TypeVar("_W", bound=Wire)


class WireFunction(Wire):
    """A called function; Ollama gives the arguments as an object, some proxies as a string."""

    name: str
    arguments: dict[str, Any] | str | None = None


class WireToolCall(Wire):
    """A tool call; older versions of Ollama give no id."""

    id: str | None = None
    function: WireFunction


class WireMessage(Wire):
    """A piece of the model's message."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: tuple[WireToolCall, ...] | None = None


class ChatLine(Wire):
    """One line of a ``/api/chat`` stream; counts (tokens) come with the last, ``done`` one."""

    message: WireMessage | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: str | dict[str, Any] | None = None


class TagDetails(Wire):
    """What ``/api/tags`` says about a model; only newer versions tell the window (tokens)."""

    context_length: int | None = None


class Tag(Wire):
    """One model at hand; ``size`` in bytes."""

    name: str
    size: int | None = None
    details: TagDetails | None = None


class TagsAnswer(Wire):
    """The body of ``/api/tags``; no models may be written as null."""

    models: tuple[Tag, ...] | None


class EmbedAnswer(Wire):
    """The body of ``/api/embed``, and of the older ``/api/embeddings`` (one vector)."""

    embeddings: tuple[tuple[float, ...], ...] | None = None
    embedding: tuple[float, ...] | None = None

    def vectors(self) -> list[tuple[float, ...]]:
        """Return what came, in order."""
        return list(self.embeddings or ([self.embedding] if self.embedding else []))


class PullLine(Wire):
    """One line of ``/api/pull``; counts in bytes, of the one file that ``status`` names."""

    status: str | None = None
    total: int | None = None
    completed: int | None = None
    error: str | dict[str, Any] | None = None


class ShowAnswer(Wire):
    """The body of ``/api/show``, as far as it tells the window and the abilities of a model."""

    parameters: str | None = None
    model_info: dict[str, Any] | None = None
    capabilities: tuple[str, ...] | None = None

    def window(self) -> int | None:
        """Return the smallest window the model declares, in tokens, or None if it declares none.

        The weights declare one (``<architecture>.context_length``), a Modelfile may set a smaller
        one (``PARAMETER num_ctx``).
        """
        info = self.model_info or {}
        trained = info.get(f"{info.get('general.architecture')}.context_length")
        chosen = re.search(r"^num_ctx\s+(\d{1,9})\s*$", self.parameters or "", re.MULTILINE)
        known = [int(chosen[1])] if chosen else []
        if isinstance(trained, int):
            known.append(trained)
        return min((size for size in known if size > 0), default=None)


def parse(shape: type[_W], data: bytes) -> _W:
    """Read one JSON object; raises ``ProviderError`` (``provider_protocol``) for anything else."""
    return wire.parse(shape, data, "Ollama")


def parse_error(data: bytes) -> str | None:
    """Return the sentence of an error body ``{"error": …}``, or None if there is none."""
    try:
        return wire.error_sentence(ChatLine.model_validate_json(data).error)
    except ValidationError:
        return None


def keep_alive(setting: str) -> str | int:
    """Return how long to keep a model loaded as Ollama reads it: bare numbers are seconds."""
    return int(setting) if setting.lstrip("-").isdecimal() else setting


def chat_body(request: InferenceRequest, *, num_ctx: int, think: bool) -> dict[str, Any]:
    """Return the body of ``/api/chat``; ``num_ctx`` in tokens.

    ``think`` is only sent when true: a model that cannot think would refuse the request.
    """
    schema = request.config.behaviour.json_schema
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "options": _options(request.config, num_ctx),
    }
    if think:
        body["think"] = True
    if schema is not None:
        body["format"] = dict(schema)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    return body


def _options(config: InferenceConfig, num_ctx: int) -> dict[str, Any]:
    sampling, behaviour = config.sampling, config.behaviour
    options: dict[str, Any] = {
        "num_ctx": num_ctx,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repetition_penalty,
    }
    if sampling.seed is not None:
        options["seed"] = sampling.seed
    if behaviour.max_tokens is not None:
        options["num_predict"] = behaviour.max_tokens
    if behaviour.stop:
        options["stop"] = list(behaviour.stop)
    return options


def _message(message: Message) -> dict[str, Any]:
    shape: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        shape["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.images:
        shape["images"] = [b64encode(image.data).decode() for image in message.images]
    if message.role is Role.TOOL:
        if message.name:
            shape["tool_name"] = message.name
        if message.tool_call_id:
            shape["tool_call_id"] = message.tool_call_id
    return shape


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }
