"""The lines of ``history.jsonl``.

A line has ``role`` (user, assistant, tool, note or event), ``content``, ``timestamp`` (RFC 3339,
local), ``skills`` and ``turn``; further members as the case is:

- user: ``seq`` of its ``accepted`` event, ``mode``, ``id`` of the command that sent it; ``source``
  if it was no client that sent it, with ``max_tokens`` if its turn has a limit of its own
- event: no turn; what happened in the background, for the model to be shown with the next message
  that begins a turn. ``source`` and ``key`` say who brought it; ``seq`` if told as ``proactive``,
  with ``attended`` if a client was there
- note: ``seen``, the last ``proactive`` event that some client was sent
- user: ``images`` with ``media_type`` and ``data`` in base64, if it showed any
- assistant: ``tool_calls``; the one that ends a turn has ``end`` (done, cancelled, error, expired),
  ``model``, ``seq`` of the event that told it, ``why`` (how it came about), and ``error`` if there
  was one
- tool: ``name``, ``tool_call_id``
- note: ``restarted`` when a turn was begun anew after a crash; ``through``, the last turn of those
  that the note stands for
- all: ``origins`` when it may hold somebody else's words (``trust.taint``)
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ruster.core.clock import rfc3339
from ruster.core.errors import RusterError
from ruster.core.inbox import Spoken
from ruster.core.inference import FinishReason
from ruster.core.messages import Image, Message, Role, ToolCall
from ruster.sessions.sender import Sender
from ruster.trust.taint import origins_of_record, with_origins

__all__ = [
    "End",
    "Ending",
    "Record",
    "TurnLog",
    "closing_record",
    "event_record",
    "for_clients",
    "message_record",
    "restart_record",
    "seen_record",
    "summary_record",
    "timestamp_of",
    "to_message",
    "user_record",
]

Record = dict[str, Any]

_MAX_IMAGE_BYTES = 4 << 20
"""Pictures of one message that are kept, in bytes together; those beyond are only mentioned."""


class End(StrEnum):
    """How a turn ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    ERROR = "error"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended: the text said last, the error if there was one, why the model stopped.

    ``skills`` are the names of those that took part, ``why`` tells how the answer came about,
    ``origins`` whose words it may hold.
    """

    end: End
    text: str = ""
    error: RusterError | None = None
    reason: FinishReason = FinishReason.STOP
    skills: tuple[str, ...] = ()
    why: Record = field(default_factory=dict)
    origins: tuple[str, ...] = ()


@dataclass(slots=True)
class TurnLog:
    """One turn as the history tells it."""

    id: str
    accepted_at: float
    sender: Sender = field(default_factory=Sender)
    accepted: list[Record] = field(default_factory=list)
    """The lines of what the user said, while the turn is open."""
    messages: list[Message] = field(default_factory=list)
    restarts: int = 0
    size_bytes: int = 0
    _held: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Append a message in the order the model sees it.

        What the user says while the model works comes after what the model was saying, and never
        between a tool call and its result.
        """
        self.size_bytes += len(message.content) + sum(len(it.data) for it in message.images)
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

    def begin_with(self, events: Sequence[Message]) -> None:
        """Put what happened in the background before the message that begins the turn."""
        self.messages[:0] = events
        self.size_bytes += sum(len(it.content) for it in events)

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
    turn: str, message: Message, *, seq: int, mode: str, at: float, sender: Sender
) -> Record:
    """Make the line of a message that was accepted."""
    record = _record(Role.USER, message.content, turn, at)
    if message.images:
        record |= _image_records(message)
    return sender.written_to(record | {"seq": seq, "mode": mode})


def event_record(
    spoken: Spoken, *, at: float, seq: int | None = None, attended: bool = False
) -> Record:
    """Make the line of something that happened in the background; ``seq`` if clients are told."""
    record = _line("event", spoken.text, at) | {"source": spoken.source, "key": spoken.key}
    if seq is not None:
        record |= {"seq": seq, "attended": attended}
    return with_origins(record, spoken.origins)


def seen_record(seq: int, at: float) -> Record:
    """Make the line that says that a client was sent all ``proactive`` events up to ``seq``."""
    return _line("note", "", at) | {"seen": seq}


def message_record(turn: str, message: Message, at: float) -> Record:
    """Make the line of a message in the middle of a turn."""
    record = _record(message.role, message.content, turn, at)
    if message.tool_calls:
        record["tool_calls"] = [_call_record(call) for call in message.tool_calls]
    if message.images:
        record |= _image_records(message)
    if message.role is Role.TOOL:
        record |= {"name": message.name, "tool_call_id": message.tool_call_id}
    return with_origins(record, message.origins)


def closing_record(ending: Ending, *, turn: str, model: str, seq: int, at: float) -> Record:
    """Make the line that ends a turn."""
    record = _record(Role.ASSISTANT, ending.text, turn, at)
    record |= {"end": ending.end.value, "model": model, "seq": seq, "skills": list(ending.skills)}
    if ending.error is not None:
        record["error"] = {"code": ending.error.code, "message": ending.error.message}
    if ending.why:
        record["why"] = ending.why
    return with_origins(record, ending.origins)


def restart_record(turn: str, at: float) -> Record:
    """Make the line that says a turn was begun anew after a crash."""
    return _record("note", "", turn, at) | {"restarted": True}


def summary_record(
    turn: str, notes: str, *, through: str, origins: tuple[str, ...], at: float
) -> Record:
    """Make the line whose notes stand for all turns up to and with ``through``."""
    record = _record("note", notes, turn, at) | {"through": through}
    return with_origins(record, origins)


def to_message(record: Record) -> Message | None:
    """Read back what the model should see of a line; None for notes and empty endings."""
    role = record.get("role")
    if role == "event":
        return _event_message(record)
    if role not in (Role.USER, Role.ASSISTANT, Role.TOOL):
        return None
    content = str(record.get("content", ""))
    if role == Role.ASSISTANT and not content and not record.get("tool_calls"):
        content = f"[no answer: {record.get('end', 'lost')}]"
    calls = tuple(
        ToolCall(call["id"], call["name"], call["arguments"], call.get("signature"))
        for call in record.get("tool_calls", ())
    )
    return Message(
        Role(role),
        content,
        tool_calls=calls,
        tool_call_id=record.get("tool_call_id"),
        name=record.get("name"),
        images=_images(record.get("images", ())),
        origins=origins_of_record(record),
    )


def _event_message(record: Record) -> Message:
    """Tell the model what happened in the background, and by whom it was brought."""
    content, source = str(record.get("content", "")), record.get("source", "unknown")
    said = "Said to the user unasked" if "seq" in record else "Background Event"
    return Message(
        Role.USER,
        f"{said} ({source}): {content}",
        origins=origins_of_record(record),
        in_background=True,
    )


def for_clients(record: Record) -> Record:
    """Return a line as `history` tells it: of pictures only their kind and size."""
    if "images" not in record:
        return record
    images = [
        {"media_type": image.media_type, "size_bytes": len(image.data)}
        for image in _images(record["images"])
    ]
    return record | {"images": images}


def timestamp_of(record: Record) -> float:
    """Return a line's time in seconds since the epoch; 0 if it has none that can be read."""
    try:
        return datetime.fromisoformat(record["timestamp"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return 0.0


def _call_record(call: ToolCall) -> Record:
    record: Record = {"id": call.id, "name": call.name, "arguments": call.arguments}
    return record if call.signature is None else record | {"signature": call.signature}


def _image_records(message: Message) -> Record:
    """Write pictures as long as there is room; the text says how many were left out."""
    kept: list[Record] = []
    room = _MAX_IMAGE_BYTES
    for image in message.images:
        if len(image.data) <= room:
            room -= len(image.data)
            data = b64encode(image.data).decode()
            kept.append({"media_type": image.media_type, "data": data})
    if left_out := len(message.images) - len(kept):
        note = f"[{left_out} of {len(message.images)} pictures were too large to be kept]"
        return {"images": kept, "content": f"{message.content}\n{note}".strip()}
    return {"images": kept}


def _images(records: Sequence[Record]) -> tuple[Image, ...]:
    """Read pictures back; one that cannot be read is left out."""
    images = []
    for record in records:
        try:
            images.append(Image(b64decode(record["data"], validate=True), record["media_type"]))
        except (KeyError, TypeError, binascii.Error):
            continue
    return tuple(images)


def _record(role: str, content: str, turn: str, at: float) -> Record:
    return _line(role, content, at) | {"turn": turn}


def _line(role: str, content: str, at: float) -> Record:
    return {"role": str(role), "content": content, "timestamp": rfc3339(at), "skills": []}
