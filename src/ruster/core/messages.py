"""What is said in a conversation, free of any provider's wire form.

A provider translates these to its own shape; the journal keeps a superset of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Image", "Message", "Role", "ToolCall", "ToolSpec", "media_type_of"]

_IMAGE_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to run a tool; ``arguments`` is the parsed JSON object.

    ``signature`` is what some providers want back, unread, when the call is sent to them again.
    """

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture shown to a model: the bytes of a file and its media type."""

    data: bytes
    media_type: str = "image/png"


def media_type_of(data: bytes) -> str | None:
    """Return the media type of a picture by its first bytes; None if it is none that we know."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGE_KINDS if data.startswith(start)), None)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    ``tool_calls`` belongs to assistant messages; ``tool_call_id`` and ``name`` to tool results,
    whose text is in ``content``; ``images`` to user messages. ``origins`` names whose words it may
    hold beside the user's own (``trust.taint``). A user message ``in_background`` was said by
    nobody: it tells the model what happened meanwhile.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    images: tuple[Image, ...] = ()
    origins: tuple[str, ...] = ()
    in_background: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is offered to a model: ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]
