"""What an event server and the daemon say to each other: one strict JSON object a line.

Told in ``docs/event-servers.md``. Unknown fields are ignored, so that a server may be newer.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ruster.core.errors import ProtocolError
from ruster.core.strict_json import read_json

__all__ = ["EventFrame", "Frame", "Hello", "OfferedTool", "Reply", "decode_frame", "encode_request"]

_MAX_SCHEMA_BYTES = 8 * 1024
_MAX_QUOTED = 40
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}$"


class _Frame(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, defer_build=True)


class OfferedTool(_Frame):
    """A tool of a server; ``parameters`` is a JSON Schema of kind object."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
    description: Annotated[str, Field(min_length=1, max_length=1000)]
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})

    @field_validator("parameters")
    @classmethod
    def _is_of_an_object(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value.get("type", "object") != "object":
            raise ValueError('it must have "type": "object"')
        if not isinstance(value.get("properties", {}), dict):
            raise ValueError('"properties" must be an object')
        if len(json.dumps(value, ensure_ascii=False).encode()) > _MAX_SCHEMA_BYTES:
            raise ValueError(f"it may have {_MAX_SCHEMA_BYTES} bytes")
        return {"type": "object", "properties": {}, **value}


class Hello(_Frame):
    """The first line of a server: who it is."""

    type: Literal["hello"]
    name: Annotated[str, Field(pattern=_NAME)]
    description: Annotated[str, Field(max_length=500)] = ""
    tools: Annotated[tuple[OfferedTool, ...], Field(max_length=32, strict=False)] = ()


class EventFrame(_Frame):
    """Something has happened; ``session_id`` if it is only for one session."""

    type: Literal["event"]
    payload: Any
    session_id: Annotated[str, Field(pattern=_NAME)] | None = None


class Reply(_Frame):
    """The answer to a request: ``payload``, or ``error`` if it could not be done."""

    type: Literal["reply"]
    id: Annotated[str, Field(min_length=1, max_length=128)]
    session_id: Annotated[str, Field(pattern=_NAME)] | None = None
    payload: Any = None
    error: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


Frame = Hello | EventFrame | Reply
_KINDS: dict[str, type[Hello] | type[EventFrame] | type[Reply]] = {
    "hello": Hello,
    "event": EventFrame,
    "reply": Reply,
}


def decode_frame(line: bytes) -> Frame:
    """Turn a line into a frame; raises ProtocolError that says what is wrong with it."""
    try:
        data = read_json(line)
    except ValueError as error:
        raise ProtocolError(f"a line is no strict JSON: {error}", code="invalid_json") from None
    kind = data.get("type") if isinstance(data, dict) else None
    model = _KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise ProtocolError(f"a line has the type {_quote(kind)}; known: {', '.join(_KINDS)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in detail["loc"]) or "?"
        reason = detail["msg"][0].lower() + detail["msg"][1:]
        raise ProtocolError(f'{kind}: "{field[:_MAX_QUOTED]}" is wrong: {reason}') from None


def encode_request(
    request_id: str,
    session_id: str | None,
    *,
    message: str | None = None,
    tool: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> bytes:
    """Write a request as a line: a message, or a call of a tool.

    Raises ProtocolError (``invalid_json``) for what JSON in UTF-8 cannot carry.
    """
    fields = {
        "type": "request",
        "id": request_id,
        "session_id": session_id,
        "message": message,
        "tool": tool,
        "arguments": arguments,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return json.dumps(given, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (ValueError, TypeError, RecursionError) as error:
        raise ProtocolError(
            f"the request cannot be written as JSON in UTF-8: {error}", code="invalid_json"
        ) from None


def _quote(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"
