"""Questions to a person, and the answers to commands about them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply, TurnEvent

__all__ = [
    "ApprovalAnswered",
    "ApprovalListing",
    "ApprovalQuestion",
    "ApprovalRequired",
    "ApprovalResolved",
    "ApprovalSummary",
]


class ApprovalQuestion(BaseModel):
    """What a person is asked."""

    approval_id: str
    """Name it in `approve` or `reject`."""
    tool: str
    arguments: dict[str, Any]
    """Exactly what the tool is called with; an answer is for this and nothing else."""
    target: str | None = None
    """What it acts on: a path, a host, a command line."""
    effects: list[str]
    """`reads`, `writes`, `network`, `executes`, `spends`."""
    risk: str
    """`low`, `medium`, `high` or `critical`."""
    reason: str
    """Why it is asked."""
    scopes: list[str]
    """How far an approval may reach: `once`, `session`, `always`."""
    sha256: str
    """Fingerprint of tool and arguments."""
    owner: int
    """The uid the session belongs to."""
    surface: str
    """Where the message came from that led to it."""
    created: str
    """RFC 3339, local time."""
    expires: str
    """When the answer will be no; RFC 3339, local time."""


class ApprovalRequired(TurnEvent, ApprovalQuestion):
    """A tool needs a person's approval; the turn waits for `approve` or `reject`."""

    event: Literal["approval_required"] = "approval_required"


class ApprovalResolved(TurnEvent):
    """The question has its answer, or needs none any more."""

    event: Literal["approval_resolved"] = "approval_resolved"
    approval_id: str
    state: Literal["approved", "denied", "expired", "withdrawn"]
    by: str
    """Who answered, or why nobody did."""
    scope: Literal["once", "session", "always"] | None = None
    """How far an approval reaches."""
    reason: str | None = None
    """Why it was denied, if that was said."""


class ApprovalSummary(ApprovalQuestion):
    """One question that waits."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    turn: str


class ApprovalListing(Reply):
    """The questions that wait, the oldest first."""

    event: Literal["approval_list"] = "approval_list"
    approvals: list[ApprovalSummary]
    watching: bool = False
    """Whether more will be told."""


class ApprovalAnswered(Reply):
    """The answer counts: the reply to `approve` and `reject`."""

    event: Literal["approval_answered"] = "approval_answered"
    approval_id: str
    state: Literal["approved", "denied"]
    scope: Literal["once", "session", "always"] | None = None
