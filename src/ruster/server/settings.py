"""Settings of the socket server."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["ServerSettings"]


_MODE = re.compile(r"0?o?[0-7]{3,4}")


def _octal(value: object) -> object:
    """Read text such as ``0600``, as environment variables have it, the way chmod does."""
    if isinstance(value, str) and _MODE.fullmatch(value):
        return int(value.removeprefix("0o"), 8)
    return value


class ServerSettings(BaseModel):
    """Limits of the socket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket_mode: Annotated[int, BeforeValidator(_octal)] = Field(default=0o666, ge=0, le=0o777)
    """Permissions of the socket. Any local user may connect; the kernel says who it is."""
    max_line_bytes: int = Field(default=1 << 20, ge=1024)
    """Longest command line, in bytes."""
    max_connections_per_uid: int = Field(default=256, ge=1)
    """Connections one user may hold open."""
    max_buffered_bytes_per_uid: int = Field(default=16 << 20, ge=64 * 1024)
    """Bytes one user's clients may leave unread, all connections together."""
    stall_timeout_s: float = Field(default=5.0, gt=0)
    """A client that reads nothing for this long while something waits for it is dropped."""
    max_live_commands: int = Field(default=128, ge=1)
    """Commands one connection may have running."""
    backlog: int = Field(default=1024, ge=1, le=65535)
    """Connections the kernel may keep waiting to be taken."""
