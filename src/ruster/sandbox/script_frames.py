"""What the process of a script may say; everything else ends it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = ["Ask", "Done", "Failed", "Frame", "Missing", "Ready", "read_frame"]

_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
_Log = Annotated[list[str], Field(max_length=100)]


class Ready(BaseModel):
    """It waits for a script."""

    model_config = _STRICT
    kind: Literal["ready"]


class Missing(BaseModel):
    """The interpreter is not installed."""

    model_config = _STRICT
    kind: Literal["missing"]
    message: str


class Ask(BaseModel):
    """The script calls a function of the daemon."""

    model_config = _STRICT
    kind: Literal["ask"]
    name: Literal["time_now", "http_get", "http_post"]
    arguments: Annotated[list[str], Field(max_length=2)]


class Done(BaseModel):
    """The script returned."""

    model_config = _STRICT
    kind: Literal["done"]
    text: str
    log: _Log
    printed: str


class Failed(BaseModel):
    """The script did not return; ``line`` is 0 when no line can be named."""

    model_config = _STRICT
    kind: Literal["failed"]
    code: Literal["script_invalid", "script_failed", "script_timeout", "script_memory"]
    message: str
    line: int
    log: _Log
    printed: str


Frame = Ready | Missing | Ask | Done | Failed
_frames: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="kind")])


def read_frame(line: bytes) -> Frame:
    """Read one line; raises ValueError."""
    return _frames.validate_json(line)
