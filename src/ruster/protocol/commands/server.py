"""Commands about event servers; all are for the daemon's own user and root."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase, SessionCommand, SessionId

__all__ = [
    "EventMode",
    "ServerAttach",
    "ServerDetach",
    "ServerGet",
    "ServerList",
    "ServerName",
    "ServerSend",
    "ServerSubscribe",
]


class EventMode(StrEnum):
    """What becomes of a server's events in a session."""

    NEXT_TURN = "next-turn"
    PROACTIVE = "proactive"
    IMMEDIATE = "immediate"


ServerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}$", description="The name of a server."),
]


class ServerList(CommandBase):
    """Tell which event servers there are, and how things stand with them."""

    action: Literal["server_list"] = "server_list"


class ServerGet(CommandBase):
    """Tell all of one event server: its tools, its sessions, what was dropped."""

    action: Literal["server_get"] = "server_get"
    server: ServerName


class ServerAttach(SessionCommand):
    """Bring a server's events, and its tools, to a session, or change how; it is kept."""

    action: Literal["server_attach"] = "server_attach"
    server: ServerName
    mode: Annotated[EventMode, Field(strict=False)] = EventMode.NEXT_TURN
    """The model is shown an event with the session's next message (`next-turn`), everybody attached
    to the session is told (`proactive`), or the model answers at once (`immediate`)."""


class ServerDetach(SessionCommand):
    """Bring a server's events to a session no more."""

    action: Literal["server_detach"] = "server_detach"
    server: ServerName


class ServerSend(CommandBase):
    """Ask an event server something; its answer is the reply."""

    action: Literal["server_send"] = "server_send"
    server: ServerName
    message: Annotated[str, Field(min_length=1, max_length=65536)]
    """What the server is asked."""
    session_id: SessionId | None = None
    """A session that the question is about."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Whose session that is, if not the caller's."""


class ServerSubscribe(CommandBase):
    """Send `server_event` for every event of a server from now on; the connection stays open."""

    action: Literal["server_subscribe"] = "server_subscribe"
    server: ServerName
