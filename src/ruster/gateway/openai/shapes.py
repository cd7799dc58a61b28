"""The body of a chat completion request as it comes in. Fields we have no use for are let through.

Shapes follow OpenAI's API reference; ``top_k``, ``min_p`` and ``repetition_penalty`` are what local
servers add to it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Body",
    "CallShape",
    "ImagePart",
    "MessageShape",
    "NamedTool",
    "Part",
    "RefusalPart",
    "TextPart",
]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class TextPart(_Shape):
    """A stretch of text."""

    type: Literal["text"]
    text: str


class RefusalPart(_Shape):
    """What an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


class _ImageUrl(_Shape):
    url: str


class ImagePart(_Shape):
    """A picture as a data URL."""

    type: Literal["image_url"]
    image_url: _ImageUrl


Part = Annotated[TextPart | ImagePart | RefusalPart, Field(discriminator="type")]


class _CalledFunction(_Shape):
    name: str = Field(min_length=1)
    arguments: str = ""


class CallShape(_Shape):
    """A tool call an assistant made."""

    id: str
    function: _CalledFunction


class MessageShape(_Shape):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[CallShape] | None = None
    tool_call_id: str | None = None


class _Function(_Shape):
    name: str = Field(min_length=1, max_length=128)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(_Shape):
    type: Literal["function"]
    function: _Function


class _ToolName(_Shape):
    name: str


class NamedTool(_Shape):
    """The one tool a model may use."""

    type: Literal["function"]
    function: _ToolName


class _Schema(_Shape):
    # "schema" is a method of pydantic's models.
    shape: dict[str, Any] | None = Field(default=None, alias="schema")


class _Format(_Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _StreamOptions(_Shape):
    include_usage: bool | None = None


class Body(_Shape):
    """The whole request."""

    model: str = Field(pattern=r"^[^/\s]+/\S.*$")
    messages: list[MessageShape] = Field(min_length=1)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: _Format | None = None
    stop: str | list[str] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.5, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    n: int | None = Field(default=None, ge=1, le=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
