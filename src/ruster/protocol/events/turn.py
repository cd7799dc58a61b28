"""What happens in a session's turns, and what the daemon says unasked."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ruster.protocol.events.base import Event, SessionEvent, TurnEvent

__all__ = [
    "Accepted",
    "Cancelled",
    "Created",
    "ErrorEvent",
    "NoticeEvent",
    "Proactive",
    "ProgressEvent",
    "Question",
    "Response",
    "SkillUsed",
    "ThoughtEvent",
    "ToolCallEvent",
    "UsageEvent",
]


class Created(Event):
    """A session is open. Sent again, with the model now in force, when it existed already."""

    terminal: ClassVar[bool] = True
    event: Literal["created"] = "created"
    session_id: str
    model: str
    """The model that will answer."""
    seq: int
    """The session's last event so far: the cursor to attach from."""


class Accepted(TurnEvent):
    """The message is on the disk and will be answered, whatever happens to the daemon."""

    event: Literal["accepted"] = "accepted"
    message: str
    """What was said."""
    mode: str = "queue"
    """What it does while a turn runs; see `send`."""
    waiting: int = 0
    """Turns that come before this one."""
    source: str | None = None
    """Who sent it, if it was no client: `job:NAME`, `server:NAME`."""
    origins: tuple[str, ...] | None = None
    """Whose words it may hold beside the user's own."""
    max_tokens: int | None = None
    """What its turn may take, if it has a limit of its own."""
    images: int | None = None
    """How many pictures were shown with it."""


class Response(TurnEvent):
    """A piece of the answer. The last one of a turn has `done` true and an empty `delta`.

    With `phase` the piece is a marker for people, not part of the answer: `Thinking...` before the
    first model step, `Refining...` before later ones.
    """

    event: Literal["response"] = "response"
    delta: str
    """The next piece of text; put the pieces together as they come."""
    done: bool = False
    """True on the last piece of the turn."""
    phase: Literal["thinking"] | None = None
    reason: Literal["stop", "length", "tool_calls"] | None = None
    """On the last piece: why the model stopped."""


class ThoughtEvent(TurnEvent):
    """The model's reasoning, apart from the answer."""

    event: Literal["thought"] = "thought"
    phase: Literal["start", "delta", "stop"]
    delta: str | None = None
    """The next piece of text, with `phase` delta."""


class ToolCallEvent(TurnEvent):
    """The model called a tool: once when it begins, once when it has ended."""

    event: Literal["tool_call"] = "tool_call"
    tool: str
    arguments: dict[str, Any]
    call_id: str
    phase: Literal["start", "end"] = "end"
    result_preview: str | None = None
    """At the end: the beginning of what came back."""
    failed: bool | None = None
    """At the end: whether it failed or was refused."""


class Question(TurnEvent):
    """The model asks the person something; the next message said in the session is the answer."""

    event: Literal["question"] = "question"
    question: str


class SkillUsed(TurnEvent):
    """A skill was chosen for this message, or a tool of it was used."""

    event: Literal["skill_used"] = "skill_used"
    skill: str
    result: str
    """`Skill instructions injected.`, or the beginning of what the tool brought."""


class UsageEvent(TurnEvent):
    """Tokens and time one model step took."""

    event: Literal["usage"] = "usage"
    model: str
    """The model that answered."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that did not have to be read again."""
    first_token_ms: int | None = None
    """Time to the first piece of the answer, in milliseconds."""
    total_ms: int
    """Time of the whole step, waiting between attempts included, in milliseconds."""
    attempts: int = 1
    """Requests made until the answer came."""


class Cancelled(TurnEvent):
    """The turn was ended by a client; what was said so far is kept in the history."""

    terminal: ClassVar[bool] = True
    event: Literal["cancelled"] = "cancelled"
    reason: Literal["cancel", "interrupt", "delete"] = "cancel"


class Proactive(SessionEvent):
    """The agent speaks unasked: a reminder, a job's result, what another program brought.

    Who attaches when nobody was there is sent it once, whatever the cursor.
    """

    event: Literal["proactive"] = "proactive"
    message: str
    source: str | None = None
    """Who speaks: `job:NAME`, `goal:NAME`, `server:NAME`."""


class NoticeEvent(Event):
    """Something a person should know; nothing failed for good."""

    event: Literal["notice"] = "notice"
    session_id: str | None = None
    code: str
    """Stable; see the table of notices."""
    message: str


class ProgressEvent(Event):
    """How far something has come that a turn waits for, or that a command set going."""

    event: Literal["progress"] = "progress"
    session_id: str | None = None
    """The session whose turn waits for it."""
    what: str
    """What is going on, for people."""
    current: int
    """How much so far."""
    total: int
    """How much in all, 0 while unknown."""
    unit: str | None = None
    """What is counted, such as `files`; absent for bytes."""


class ErrorEvent(Event):
    """A command or a turn failed. `code` is stable; `error` says what to do."""

    terminal: ClassVar[bool] = True
    event: Literal["error"] = "error"
    code: str
    """Stable; see the table of errors."""
    error: str
    """One sentence for people."""
    session_id: str | None = None
    retryable: bool | None = None
    """True when the same request may succeed later."""
