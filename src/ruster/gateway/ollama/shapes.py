"""The bodies of requests as Ollama's clients send them, after ollama/ollama ``api/types.go``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ruster.gateway.api.bodies import Shape

__all__ = [
    "ChatBody",
    "EmbedBody",
    "EmbeddingsBody",
    "GenerateBody",
    "MessageShape",
    "OptionsShape",
    "ShowBody",
    "ToolShape",
]

_MAX_TEXTS = 2048
_MAX_INT = 2**53
Name = Annotated[str, Field(max_length=512)]
Images = Annotated[list[str], Field(max_length=64)]
Duration = str | int | float


class OptionsShape(Shape):
    """How the next token is drawn. Negative numbers of tokens mean no limit."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=_MAX_INT)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0, le=5)] | None = None
    seed: Annotated[int, Field(ge=-_MAX_INT, le=_MAX_INT)] | None = None
    num_predict: Annotated[int, Field(ge=-2, le=_MAX_INT)] | None = None
    num_ctx: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None


class _Called(Shape):
    name: str = Field(min_length=1, max_length=128)
    arguments: dict[str, Any] = Field(default_factory=dict)


class CallShape(Shape):
    """A tool call an assistant made."""

    id: str | None = None
    function: _Called


class MessageShape(Shape):
    """One message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = ""
    thinking: str | None = None
    images: Images | None = None
    tool_calls: Annotated[list[CallShape], Field(max_length=128)] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _Function(Shape):
    name: str = Field(min_length=1, max_length=128)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolShape(Shape):
    """A tool the model may call."""

    type: str | None = "function"
    function: _Function


class _Asked(Shape):
    model: Name = ""
    stream: bool | None = None
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: OptionsShape | None = None
    think: bool | str | None = None
    keep_alive: Duration | None = None


class ChatBody(_Asked):
    """The body of ``/api/chat``; without messages the model is only looked for."""

    messages: Annotated[list[MessageShape], Field(max_length=10_000)] = Field(default_factory=list)
    tools: Annotated[list[ToolShape], Field(max_length=128)] | None = None


class GenerateBody(_Asked):
    """The body of ``/api/generate``; without a prompt the model is only looked for."""

    prompt: str | None = ""
    system: str | None = None
    suffix: str | None = None
    template: str | None = None
    raw: bool | None = None
    images: Images | None = None


class ShowBody(Shape):
    """The body of ``/api/show``; ``name`` is the older word for ``model``."""

    model: Name = ""
    name: Name = ""
    verbose: bool | None = None


class EmbedBody(Shape):
    """The body of ``/api/embed``."""

    model: Name = ""
    input: str | Annotated[list[str], Field(max_length=_MAX_TEXTS)] = Field(default_factory=list)
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    truncate: bool | None = None
    options: dict[str, Any] | None = None
    keep_alive: Duration | None = None


class EmbeddingsBody(Shape):
    """The body of ``/api/embeddings``, the older way."""

    model: Name = ""
    prompt: str = ""
    options: dict[str, Any] | None = None
    keep_alive: Duration | None = None
