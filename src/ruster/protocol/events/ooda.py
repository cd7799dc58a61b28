"""Answers to commands about OODA cycles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = ["ObservationSummary", "OodaListing", "OodaReport", "OodaSummary"]


class ObservationSummary(BaseModel):
    """Something that was observed."""

    model_config = ConfigDict(frozen=True)

    source: str
    key: str
    value: str
    severity: str


class OodaSummary(BaseModel):
    """One cycle."""

    cycle_id: str
    timestamp: str
    """RFC 3339."""
    observations: list[ObservationSummary]
    orientation: str
    """What they mean, in words."""
    decision: Literal["continue", "escalate"]
    """`escalate` if any observation is more than information."""
    action: str
    """What was to be done."""
    risk: Literal["low", "medium", "high", "critical"]
    approval_status: Literal[
        "not_required", "auto_allowed", "pending", "approved", "rejected", "expired"
    ]
    approval_token: str | None = None
    """Name it in `approve` or `reject`."""
    goal_id: str | None = None
    owner: int
    """A uid."""
    outcome: str
    """What came of it; empty as long as nothing did."""


class OodaReport(Reply, OodaSummary):
    """How a cycle went, or that it waits for an approval."""

    event: Literal["ooda_report"] = "ooda_report"


class OodaListing(Reply):
    """The last cycles, the newest first."""

    event: Literal["ooda_list"] = "ooda_list"
    cycles: list[OodaSummary]
