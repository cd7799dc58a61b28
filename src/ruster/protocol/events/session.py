"""Answers to commands about sessions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "Attached",
    "CancelReport",
    "Deleted",
    "Detached",
    "HistoryPage",
    "SessionList",
    "SessionSummary",
    "Why",
]


class Attached(Reply):
    """The connection now receives the session's events that follow `seq`."""

    event: Literal["attached"] = "attached"
    session_id: str
    seq: int
    running: bool = False
    """Whether a turn is running."""


class Detached(Reply):
    """The connection no longer receives the session's events."""

    event: Literal["detached"] = "detached"
    session_id: str


class Deleted(Reply):
    """The session and all its files are gone. Everybody attached is told."""

    event: Literal["deleted"] = "deleted"
    session_id: str


class CancelReport(Reply):
    """What `cancel` did."""

    event: Literal["cancel"] = "cancel"
    session_id: str
    cancelled: str | None = None
    """The turn that was ended; absent when none was running."""
    dropped: int = 0
    """Waiting messages that were dropped."""


class SessionSummary(BaseModel):
    """One session in a list."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    model: str
    title: str = ""
    created: str
    """RFC 3339, local time."""
    owner: int
    """The uid it belongs to."""


class SessionList(Reply):
    """The sessions this caller can see, in order of name."""

    event: Literal["list"] = "list"
    sessions: list[str]
    """Names only."""
    details: list[SessionSummary]


class HistoryPage(Reply):
    """Part of a session's stored conversation, oldest first."""

    event: Literal["history"] = "history"
    session_id: str
    history: list[dict[str, Any]]
    """Records as they are stored."""
    total: int
    """Records the session has."""
    offset: int
    """As asked for."""
    limit: int
    """As asked for."""


class Why(Reply):
    """How an answer came about. What there was none of is left out of `account`."""

    event: Literal["why"] = "why"
    session_id: str
    turn: str
    end: str
    """How the turn ended: `done`, `cancelled`, `error` or `expired`."""
    model: str
    """The model that answered."""
    ended: str
    """RFC 3339, local time."""
    account: dict[str, Any]
    """`steps`, `prompt_tokens`, `completion_tokens`, `cached_tokens`, `total_ms`; `prompt_bytes` by
    part; `skills` with how each came in, and `skills_asked`, the model that chose; `offered`, the
    names of the tools it could use; `tools`, its calls, each with `rule` (what let it pass), `ms`,
    `failed`, and where they came from (`origin`, `skill`); `left_out_turns`."""
    origins: list[str]
    """Whose words the answer may hold beside the user's own."""
