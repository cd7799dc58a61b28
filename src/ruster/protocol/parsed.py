"""Lines to events: what a client does with what the daemon tells it.

A client may be older than the daemon: unknown fields are ignored, and an event that is not known,
or no longer of the known shape, is kept as a ``GenericEvent``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError
from pydantic_core import from_json

from ruster.core.errors import ProtocolError
from ruster.protocol.commands import CommandId
from ruster.protocol.events import EVENTS, Event

__all__ = ["GenericEvent", "ParsedEvent", "decode_event"]

_T = TypeVar("_T")


class GenericEvent(Event):
    """An event this version does not know; its fields are attributes, unchecked."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event with what the codec stamped on its line, and the ``line`` itself."""

    event: Event
    seq: int | None
    """Its number on its session's stream; None for what is not part of the stream."""
    turn: str | None
    id: CommandId | None
    """The ``id`` of the command that caused it."""
    line: bytes

    @property
    def session_id(self) -> str | None:
        """The session it is about."""
        found = getattr(self.event, "session_id", None)
        return found if isinstance(found, str) else None

    @property
    def ends_turn(self) -> bool:
        """Whether it is the last event of its turn."""
        return self.event.terminal or getattr(self.event, "done", False) is True


_KINDS: dict[str, type[Event]] = {str(kind.model_fields["event"].default): kind for kind in EVENTS}


def decode_event(line: bytes) -> ParsedEvent:
    """Turn one line (without or with its newline) into an event.

    Raises ProtocolError (``invalid_json``) when the line is no event at all.
    """
    try:
        data = from_json(line)
    except ValueError as error:
        raise _no_event(f"{error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("event"), str):
        raise _no_event('it has no "event"')
    event = _validated(data)
    own_seq = "seq" in type(event).model_fields
    return ParsedEvent(
        event=event,
        seq=None if own_seq else _as(int, data.get("seq")),
        turn=_as(str, data.get("turn")),
        id=_as(str, data.get("id")) or _as(int, data.get("id")),
        line=line,
    )


def _validated(data: dict[str, Any]) -> Event:
    kind = _KINDS.get(data["event"])
    if kind is not None:
        try:
            return kind.model_validate(data)
        except ValidationError:
            pass
    return GenericEvent.model_validate(data)


def _as(kind: type[_T], value: object) -> _T | None:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _no_event(why: str) -> ProtocolError:
    return ProtocolError(f"what came from the socket is no event: {why}", code="invalid_json")
