"""What every event has."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Event",
    "Reply",
    "SessionEvent",
    "TurnEvent",
]


class Event(BaseModel):
    """What every event has: its kind. The codec stamps ``turn``, ``seq`` and ``id`` on the line."""

    # A serializer is built when its event is first told: most daemons tell few of them.
    model_config = ConfigDict(frozen=True, serialize_by_alias=True, defer_build=True)
    terminal: ClassVar[bool] = False
    """Whether this event is the last one its command or turn causes."""

    event: str


class Reply(Event):
    """The answer to a command that is no session event."""

    terminal: ClassVar[bool] = True


class SessionEvent(Event):
    """An event on a session's stream."""

    session_id: str
    """The session it happened in."""


class TurnEvent(SessionEvent):
    """An event of one turn; its line carries ``turn``."""
