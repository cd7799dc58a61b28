"""Whoever asks for something, as the use-cases see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ruster.core.errors import SessionError
from ruster.protocol.commands import CommandBase, SessionCommand
from ruster.protocol.events import Event

__all__ = ["Caller", "owner_of", "require_privilege"]


class Caller(Protocol):
    """One client; also a ``Subscriber`` of session streams."""

    uid: int
    stays_open: bool
    on_close: dict[object, Callable[[], None]] | None
    closed: bool

    @property
    def privileged(self) -> bool:
        """Whether it may do everything: the daemon's own user and root."""
        ...

    def deliver(self, line: bytes) -> None:
        """Send a line."""
        ...

    def reply(self, event: Event, command: CommandBase) -> None:
        """Send the answer to a command, with its ``id``."""
        ...

    async def drained(self) -> None:
        """Return once it has read what was sent."""
        ...


def owner_of(caller: Caller, command: SessionCommand) -> int:
    """Return whose session a command means.

    Only the privileged may mean somebody else's; to others those sessions do not exist.
    """
    if command.owner is None or command.owner == caller.uid:
        return caller.uid
    if caller.privileged:
        return command.owner
    raise SessionError(f"there is no session {command.session_id!r}")


def require_privilege(caller: Caller, what: str) -> None:
    """Raise SessionError (``not_permitted``) unless the caller may do everything."""
    if not caller.privileged:
        raise SessionError(f"only the daemon's own user and root may {what}", code="not_permitted")
