"""Commands about jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase, SessionId

__all__ = [
    "JobAdd",
    "JobCommand",
    "JobDisable",
    "JobEnable",
    "JobHistory",
    "JobId",
    "JobList",
    "JobRemove",
    "JobRun",
    "JobShow",
    "JobTick",
]

JobId = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Small letters, digits, `_` and `-`.",
    ),
]


class JobCommand(CommandBase):
    """A command about jobs."""

    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class JobAdd(JobCommand):
    """Have something done later, once or again and again.

    Either `reminder` says it in one sentence, or `when` and `do` say it apart.
    """

    action: Literal["job_add"] = "job_add"
    job_id: JobId | None = None
    """Its name; one is made up without."""
    session_id: SessionId | None = None
    """The session in which it speaks, or for which it acts. Saying, prompting and tools need it."""
    reminder: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    """Such as `remind me in 20 minutes to take out the cake`."""
    when: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Such as `in 20 minutes`, `every weekday at 8:30`, or a cron line."""
    do: dict[str, Any] | None = None
    """What to do, an object with one member: `say` and `prompt` (with `message`), `tool` (with
    `tool` and `arguments`), `http_health_check` (`url`, `expected_status`, `timeout_secs`),
    `maintenance` (`part`), `emit_log` (`message`). All but the first two are for the daemon's own
    user and root."""
    watch: dict[str, Any] | None = None
    """Look at this each time, and act only when it has become true: `kind` (`file_exists`,
    `file_missing`, `file_changed`, `file_older`, `disk_below`, `http_not`), `path`, `amount`."""
    title: Annotated[str, Field(max_length=200)] = ""
    misfire: Literal["once", "skip", "report"] = "once"
    """What happens when its time went by while ruster did not run: it is made up for once, it is
    left out, or it is left out and you are told."""
    overlap: Literal["skip", "queue"] = "skip"
    """What happens when it is due while it still runs."""
    tell: Literal["failures", "always", "never"] = "failures"
    """What you are told in the session."""
    jitter_s: Annotated[float, Field(ge=0, le=86_400)] = 0
    """Each time it is late by up to so many seconds, so that not everything happens at once."""
    max_tokens: Annotated[int, Field(ge=0)] = 0
    """What one run may take; 0 for `proactive.run_tokens`."""
    timeout_s: Annotated[float, Field(ge=0, le=86_400)] = 0
    """How long one run may take; 0 for `proactive.run_timeout_s`."""
    goal: Annotated[str, Field(max_length=64)] = ""
    """The goal it belongs to; it goes with it."""


class JobList(JobCommand):
    """List your jobs, the next ones first."""

    action: Literal["job_list"] = "job_list"
    session_id: SessionId | None = None
    """Only those of one session."""
    all: bool = False
    """Those of all users, for the daemon's own user and root."""


class JobShow(JobCommand):
    """Tell all about one job."""

    action: Literal["job_show"] = "job_show"
    job_id: JobId


class JobRun(JobCommand):
    """Run a job now, whenever it is due."""

    action: Literal["job_run"] = "job_run"
    job_id: JobId


class JobEnable(JobCommand):
    """Switch a job on, from its next time on."""

    action: Literal["job_enable"] = "job_enable"
    job_id: JobId


class JobDisable(JobCommand):
    """Switch a job off; it is kept."""

    action: Literal["job_disable"] = "job_disable"
    job_id: JobId


class JobRemove(JobCommand):
    """Remove a job with its receipts."""

    action: Literal["job_remove"] = "job_remove"
    job_id: JobId


class JobHistory(JobCommand):
    """Tell what became of a job's last runs, the newest first."""

    action: Literal["job_history"] = "job_history"
    job_id: JobId
    limit: Annotated[int, Field(ge=1, le=1000)] = 20


class JobTick(CommandBase):
    """Do all that is due now, and wait for it; for the daemon's own user and root."""

    action: Literal["job_tick"] = "job_tick"
