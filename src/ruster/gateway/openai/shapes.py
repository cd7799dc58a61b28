"""The body of a chat completion request as it comes in. Fields we have no use for are let through.

Shapes follow OpenAI's API reference; ``top_k``, ``min_p`` and ``repetition_penalty`` are what local
servers add to it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "MAX_CHOICES",
    "MAX_COUNT",
    "Body",
    "CallShape",
    "Chat",
    "ImagePart",
    "MessageShape",
    "NamedTool",
    "OpenBody",
    "Part",
    "RefusalPart",
    "Shape",
    "StreamOptions",
    "TextPart",
    "Tunable",
]

MAX_CHOICES = 8
MAX_COUNT = 2**31 - 1
_MAX_SEED = 2**63 - 1


class Shape(BaseModel):
    """Part of a request: its types must be right, and fields that are not known do no harm."""

    model_config = ConfigDict(strict=True, frozen=True)


class TextPart(Shape):
    """A stretch of text."""

    type: Literal["text"]
    text: str


class RefusalPart(Shape):
    """What an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


class _ImageUrl(Shape):
    url: str


class ImagePart(Shape):
    """A picture as a data URL."""

    type: Literal["image_url"]
    image_url: _ImageUrl


Part = Annotated[TextPart | ImagePart | RefusalPart, Field(discriminator="type")]


class _CalledFunction(Shape):
    name: str = Field(min_length=1)
    arguments: str = ""


class CallShape(Shape):
    """A tool call an assistant made."""

    id: str
    function: _CalledFunction


class MessageShape(Shape):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[CallShape] | None = None
    tool_call_id: str | None = None


class _Function(Shape):
    name: str = Field(min_length=1, max_length=128)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Shape):
    type: Literal["function"]
    function: _Function


class _ToolName(Shape):
    name: str


class NamedTool(Shape):
    """The one tool a model may use."""

    type: Literal["function"]
    function: _ToolName


class _Schema(Shape):
    # "schema" is a method of pydantic's models.
    shape: dict[str, Any] | None = Field(default=None, alias="schema")


class _Format(Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class StreamOptions(Shape):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class Tunable(Shape):
    """How an answer comes about, as chats and plain completions say it."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.5, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    seed: int | None = Field(default=None, ge=-_MAX_SEED - 1, le=_MAX_SEED)


class Chat(Tunable):
    """All of the request but the model and how many answers there shall be."""

    messages: list[MessageShape] = Field(min_length=1)
    tools: list[_Tool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: _Format | None = None
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)


class Body(Chat):
    """The whole request, for a model's full name."""

    model: str = Field(pattern=r"^[^/\s]+/\S.*$")
    n: int | None = Field(default=None, ge=1, le=1)


class OpenBody(Chat):
    """The whole request, where any name of a model is taken, or none, and up to 8 answers."""

    model: str | None = Field(default=None, max_length=256)
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
