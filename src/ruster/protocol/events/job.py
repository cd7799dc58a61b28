"""Answers to commands about jobs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "JobHistoryPage",
    "JobListing",
    "JobRan",
    "JobRemoved",
    "JobReport",
    "JobSummary",
    "ReceiptSummary",
    "TickReport",
    "TickResult",
]


class ReceiptSummary(BaseModel):
    """What became of one due."""

    model_config = ConfigDict(frozen=True)

    run: str
    """Its own name."""
    due: str
    """When it was due (RFC 3339)."""
    outcome: str
    """`running`, `done`, `failed`, `skipped`, `missed`, `quiet` (nothing was to be done) or
    `interrupted`."""
    missed: int
    """Earlier times that it stands for."""
    by: str
    """What set it going: `schedule`, or who asked for it."""
    started: str | None = None
    ended: str | None = None
    tokens: int = 0
    message: str = ""
    """What it brought, or why it failed."""


class JobSummary(BaseModel):
    """A job, and how it stands."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    owner: int
    """A uid."""
    session_id: str | None = None
    title: str
    when: str
    """Its times, in words."""
    schedule: dict[str, Any]
    do: dict[str, Any]
    """What it does; see `job_add`."""
    watch: dict[str, Any] | None = None
    enabled: bool
    running: bool
    due: str | None = None
    """When it is due next (RFC 3339)."""
    runs: int
    failures: int
    """Failures since it last went well."""
    last: ReceiptSummary | None = None
    """What became of it last."""
    misfire: str
    overlap: str
    tell: str
    jitter_s: float
    max_tokens: int
    timeout_s: float
    goal: str | None = None
    made_by: str
    """`person`, `agent` or `ruster`."""
    created: str
    origins: list[str] | None = None
    """Whose words its texts may hold beside your own."""


class JobReport(Reply):
    """One job."""

    event: Literal["job"] = "job"
    job: JobSummary


class JobListing(Reply):
    """Jobs, the next ones first."""

    event: Literal["job_list"] = "job_list"
    jobs: list[JobSummary]


class JobRemoved(Reply):
    """A job is gone."""

    event: Literal["job_removed"] = "job_removed"
    job_id: str


class JobRan(Reply):
    """A job was run because somebody asked for it."""

    event: Literal["job_ran"] = "job_ran"
    job_id: str
    receipt: ReceiptSummary


class JobHistoryPage(Reply):
    """What became of a job's last runs."""

    event: Literal["job_history"] = "job_history"
    job_id: str
    receipts: list[ReceiptSummary]


class TickResult(BaseModel):
    """What became of one job that was due."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    owner: int
    status: str
    message: str


class TickReport(Reply):
    """All that was due is done."""

    event: Literal["tick"] = "tick"
    executed_jobs: int
    results: list[TickResult]
