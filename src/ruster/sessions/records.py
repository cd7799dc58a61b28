"""The lines of ``history.jsonl``.

A line has ``role`` (user, assistant, tool or note), ``content``, ``timestamp`` (RFC 3339, local),
``skills`` and ``turn``; further members as the case is:

- user: ``seq`` of its ``accepted`` event, ``mode``, ``id`` of the command that sent it
- assistant: ``tool_calls``; the one that ends a turn has ``end`` (done, cancelled, error, expired),
  ``model``, ``seq`` of the event that told it, and ``error`` if there was one
- tool: ``name``, ``tool_call_id``
- note: ``restarted`` when a turn was begun anew after a crash
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ruster.core.clock import rfc3339
from ruster.core.errors import RusterError
from ruster.core.messages import Message, Role, ToolCall

__all__ = [
    "End",
    "Ending",
    "Record",
    "TurnLog",
    "closing_record",
    "message_record",
    "restart_record",
    "timestamp_of",
    "to_message",
    "user_record",
]

Record = dict[str, Any]


class End(StrEnum):
    """How a turn ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    ERROR = "error"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended: the text said last, and the error if there was one."""

    end: End
    text: str = ""
    error: RusterError | None = None


@dataclass(slots=True)
class TurnLog:
    """One turn as the history tells it."""

    id: str
    accepted_at: float
    accepted_seq: int = 0
    command_id: str | int | None = None
    messages: list[Message] = field(default_factory=list)
    restarts: int = 0
    size_bytes: int = 0
    _held: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Append a message in the order the model sees it.

        What the user says while the model works comes after what the model was saying, and never
        between a tool call and its result.
        """
        self.size_bytes += len(message.content)
        if message.role is Role.USER and self.messages:
            self._held.append(message)
            return
        self.messages.append(message)
        if self._held and not self._owed():
            self.messages.extend(self._held)
            self._held.clear()

    def restart(self) -> None:
        """Forget what the model had got to, because it is done anew."""
        self.restarts += 1
        said = [m for m in self.messages if m.role is Role.USER]
        self.messages = [*said, *self._held]
        self._held.clear()

    def undo(self) -> None:
        """Take back the message added last, which is a user's."""
        (self._held or self.messages).pop()

    def answer_calls(self) -> None:
        """Give tool calls that were cut off a result, because models refuse a call without one."""
        owed = self._owed()
        calls = [call for message in self.messages for call in message.tool_calls]
        for call in calls:
            if call.id in owed:
                text = "[no result: the turn ended first]"
                self.add(Message(Role.TOOL, text, tool_call_id=call.id, name=call.name))

    def _owed(self) -> set[str | None]:
        """Return the ids of tool calls without a result."""
        owed: set[str | None] = set()
        for message in self.messages:
            owed.update(call.id for call in message.tool_calls)
            if message.role is Role.TOOL:
                owed.discard(message.tool_call_id)
        return owed


def user_record(
    turn: str, content: str, *, seq: int, mode: str, at: float, command_id: str | int | None
) -> Record:
    """Make the line of a message a client sent."""
    record = _record(Role.USER, content, turn, at) | {"seq": seq, "mode": mode}
    return record if command_id is None else record | {"id": command_id}


def message_record(turn: str, message: Message, at: float) -> Record:
    """Make the line of a message in the middle of a turn."""
    record = _record(message.role, message.content, turn, at)
    if message.tool_calls:
        record["tool_calls"] = [
            {"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls
        ]
    if message.role is Role.TOOL:
        record |= {"name": message.name, "tool_call_id": message.tool_call_id}
    return record


def closing_record(ending: Ending, *, turn: str, model: str, seq: int, at: float) -> Record:
    """Make the line that ends a turn."""
    record = _record(Role.ASSISTANT, ending.text, turn, at)
    record |= {"end": ending.end.value, "model": model, "seq": seq}
    if ending.error is not None:
        record["error"] = {"code": ending.error.code, "message": ending.error.message}
    return record


def restart_record(turn: str, at: float) -> Record:
    """Make the line that says a turn was begun anew after a crash."""
    return _record("note", "", turn, at) | {"restarted": True}


def to_message(record: Record) -> Message | None:
    """Read back what the model should see of a line; None for notes and empty endings."""
    role = record.get("role")
    if role not in (Role.USER, Role.ASSISTANT, Role.TOOL):
        return None
    content = str(record.get("content", ""))
    if role == Role.ASSISTANT and not content and not record.get("tool_calls"):
        content = f"[no answer: {record.get('end', 'lost')}]"
    calls = tuple(
        ToolCall(call["id"], call["name"], call["arguments"])
        for call in record.get("tool_calls", ())
    )
    return Message(
        Role(role),
        content,
        tool_calls=calls,
        tool_call_id=record.get("tool_call_id"),
        name=record.get("name"),
    )


def timestamp_of(record: Record) -> float:
    """Return a line's time in seconds since the epoch; 0 if it has none that can be read."""
    try:
        return datetime.fromisoformat(record["timestamp"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return 0.0


def _record(role: str, content: str, turn: str, at: float) -> Record:
    return {
        "role": str(role),
        "content": content,
        "timestamp": rfc3339(at),
        "skills": [],
        "turn": turn,
    }
