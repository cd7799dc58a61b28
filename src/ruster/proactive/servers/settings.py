"""Settings of the event servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["ServerSettings"]


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("a folder is named by its whole path, or from ~")
    return path


_Folder = Annotated[Path, AfterValidator(_absolute)]
_Uid = Annotated[int, Field(ge=0, le=2**32 - 2)]


class ServerSettings(BaseModel):
    """Where event servers are looked for, and what they may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Whether the daemon looks for event servers at all."""
    dirs: tuple[_Folder, ...] = Field(default=(), max_length=16)
    """Folders to look in beside `servers` in the data folder. In one that others can write to, a
    socket must be called `ruster-srv-NAME.sock` and belong to an allowed user."""
    allowed_uids: tuple[_Uid, ...] = Field(default=(), max_length=64)
    """Users beside the daemon's own and root whose programs may bring events. Their tools are not
    offered."""
    scan_interval_s: float = Field(default=10.0, ge=0.05, le=3600)
    """How often the folders are looked through, in seconds."""
    max_servers: int = Field(default=64, ge=1, le=1024)
    """Event servers that are connected at the same time."""
    max_attachments: int = Field(default=1000, ge=1, le=100_000)
    """How many times servers may be attached to sessions, in all."""
    hello_timeout_s: float = Field(default=5.0, gt=0, le=300)
    """How long a server may take to introduce itself, in seconds."""
    reply_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    """How long a server may take to answer a request, in seconds."""
    max_line_bytes: int = Field(default=64 * 1024, ge=1024, le=1 << 20)
    """Longest line from a server, and to one."""
    max_pending: int = Field(default=16, ge=1, le=1024)
    """Requests to a server that may wait for an answer."""
    lines_per_s: float = Field(default=100.0, gt=0, le=100_000)
    """Lines that are read from a server in a second; it has to wait with more."""
    events_per_s: float = Field(default=5.0, gt=0, le=10_000)
    """Events that a server may bring to a session in a second, on average."""
    events_burst: int = Field(default=10, ge=1, le=10_000)
    """Events that it may bring at once."""
    event_bytes: int = Field(default=8 * 1024, ge=256, le=1 << 16)
    """Most bytes of an event that a session is told."""
    max_waiting: int = Field(default=8, ge=1, le=1000)
    """Events of a server that may wait until a session has taken those before."""
    max_faults: int = Field(default=5, ge=1, le=1000)
    """Lines against the format after which a server is disconnected and left alone for a while."""
    reconnect_s: float = Field(default=1.0, gt=0, le=3600)
    """How long to wait before connecting to a server again, in seconds; doubled each time."""
    reconnect_max_s: float = Field(default=60.0, gt=0, le=86_400)
    """The longest such wait, in seconds."""
    quarantine_s: float = Field(default=60.0, gt=0, le=86_400)
    """How long a server is left alone that broke the format, in seconds; doubled each time."""
    quarantine_max_s: float = Field(default=3600.0, gt=0, le=86_400)
    """The longest such time, in seconds."""
    immediate_timeout_s: float = Field(default=300.0, ge=0, le=86_400)
    """How long a turn may take that an event started, in seconds; 0 for no own limit."""
    immediate_tokens: int = Field(default=0, ge=0)
    """Most tokens of a turn that an event started; 0 for no own limit."""
