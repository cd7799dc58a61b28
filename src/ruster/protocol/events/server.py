"""Event servers: the answers to commands about them, and what they bring."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Event, Reply

__all__ = [
    "ServerAttached",
    "ServerAttachment",
    "ServerDetached",
    "ServerEvent",
    "ServerListing",
    "ServerReplied",
    "ServerReport",
    "ServerSubscribed",
    "ServerSummary",
    "ServerToolSummary",
]


class ServerSummary(BaseModel):
    """One event server."""

    model_config = ConfigDict(frozen=True)

    server: str
    state: Literal["connecting", "connected", "waiting", "quarantined", "missing"]
    description: str = ""
    """What it says of itself."""
    error: str | None = None
    """What went wrong last."""
    path: str | None = None
    """Its socket."""
    uid: int | None = None
    """Whose program it is."""
    tools: int = 0
    sessions: int = 0
    """How many sessions it is attached to."""
    events: int = 0
    """Events it has brought since the daemon started."""


class ServerToolSummary(BaseModel):
    """A tool that a server brings."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema."""


class ServerAttachment(BaseModel):
    """A session that a server's events go to."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    owner: int
    mode: Literal["next-turn", "proactive", "immediate"]
    delivered: int
    """Events that the session took."""
    dropped: int
    """Events that came too often."""
    failed: int
    """Events that the session could not take."""
    waiting: int
    """Events that wait until those before are taken."""
    error: str | None = None
    """Why the last one could not be taken."""


class ServerListing(Reply):
    """The event servers, in order of name."""

    event: Literal["server_list"] = "server_list"
    servers: list[ServerSummary]


class ServerReport(Reply):
    """All of one event server."""

    event: Literal["server_get"] = "server_get"
    server: ServerSummary
    tools: list[ServerToolSummary]
    attachments: list[ServerAttachment]
    faults: int
    """Lines that broke the format, since the daemon started."""
    connections: int
    """How many times it was connected."""
    pending: int
    """Requests that wait for its answer."""


class ServerAttached(Reply):
    """The server's events go to the session from now on."""

    event: Literal["server_attached"] = "server_attached"
    session_id: str
    server: str
    mode: Literal["next-turn", "proactive", "immediate"]


class ServerDetached(Reply):
    """The server's events go to the session no more."""

    event: Literal["server_detached"] = "server_detached"
    session_id: str
    server: str
    detached: bool
    """Whether it was attached."""


class ServerReplied(Reply):
    """What an event server answered; without `payload` it was null."""

    event: Literal["server_replied"] = "server_replied"
    server: str
    session_id: str | None = None
    payload: Any = None


class ServerSubscribed(Reply):
    """The server's events follow, as `server_event`."""

    event: Literal["server_subscribed"] = "server_subscribed"
    server: str


class ServerEvent(Event):
    """An event that a server has brought; without `payload` it was null."""

    event: Literal["server_event"] = "server_event"
    server: str
    time: str
    """When it came; RFC 3339, local time."""
    session_id: str | None = None
    """The session it is for, if it is only for one."""
    payload: Any = None
