"""One command to the daemon and its reply: what most subcommands are."""

from __future__ import annotations

from typing import Any, TypeVar

from ruster.cli.location import socket_path
from ruster.cli.options import DEFAULT_SESSION
from ruster.cli.terminal import write_line
from ruster.client.sync import SyncClient
from ruster.core.errors import ProtocolError, SessionError
from ruster.protocol.events import Event

__all__ = ["ensure_session", "request"]

_Reply = TypeVar("_Reply", bound=Event)


def request(
    socket: str | None, kind: type[_Reply], action: str, as_json: bool, **fields: Any
) -> _Reply | None:
    """Send a command; return its reply, or None after printing it as JSON."""
    with SyncClient(socket_path(socket)) as client:
        parsed = client.call(action, **fields)
    if as_json:
        write_line(parsed.line)
        return None
    if not isinstance(parsed.event, kind):
        raise ProtocolError(f"the daemon answered {parsed.event.event!r}; is it another version?")
    return parsed.event


def ensure_session(session: str, socket: str | None) -> None:
    """Create the default session where a person has never talked yet."""
    if session == DEFAULT_SESSION:
        with SyncClient(socket_path(socket)) as client:
            try:
                client.call("history", session_id=session, limit=1)
            except SessionError:
                client.call("create", session_id=session)
