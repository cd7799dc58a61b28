"""The tables of jobs, receipts, goals and OODA cycles, by version, and how a job lies in them."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ruster.core.errors import JobError
from ruster.proactive.jobs.actions import action_from_record, action_to_record
from ruster.proactive.jobs.conditions import condition_from_record
from ruster.proactive.jobs.job import (
    Job,
    MadeBy,
    Misfire,
    Outcome,
    Overlap,
    Receipt,
    State,
    Telling,
)
from ruster.proactive.schedules.schedule import from_record, to_record
from ruster.storage.sqlite.migration import migrate
from ruster.storage.sqlite.subject import Subject

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["JOBS", "body_of", "job_of", "prepare", "receipt_of", "state_of"]

JOBS = Subject("jobs", JobError)

_FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE jobs(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL,
    id TEXT NOT NULL,
    session TEXT NOT NULL,
    goal TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created REAL NOT NULL,
    body TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    due REAL,
    fires REAL,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,
    told_at REAL,
    seen TEXT NOT NULL DEFAULT '',
    UNIQUE(owner, id)
) STRICT;
CREATE INDEX jobs_by_time ON jobs(fires) WHERE enabled AND fires IS NOT NULL;
CREATE INDEX jobs_by_session ON jobs(owner, session) WHERE session <> '';
CREATE TABLE runs(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    job INTEGER NOT NULL REFERENCES jobs(n) ON DELETE CASCADE,
    due REAL NOT NULL,
    outcome TEXT NOT NULL,
    missed INTEGER NOT NULL DEFAULT 0,
    started REAL,
    ended REAL,
    tokens INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    by TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX runs_once ON runs(job, due) WHERE by = 'schedule';
CREATE INDEX runs_by_job ON runs(job, n);
CREATE INDEX runs_open ON runs(job) WHERE outcome = 'running';
CREATE INDEX runs_by_tokens ON runs(ended) WHERE tokens > 0;
"""

_SECOND = """
CREATE TABLE goals(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL,
    id TEXT NOT NULL,
    description TEXT NOT NULL,
    achieved INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE(owner, id)
) STRICT;
CREATE TABLE goal_notes(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    goal INTEGER NOT NULL REFERENCES goals(n) ON DELETE CASCADE,
    at REAL NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX goal_notes_by_goal ON goal_notes(goal, n);
CREATE INDEX jobs_by_goal ON jobs(owner, goal) WHERE goal <> '';
CREATE TABLE cycles(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX cycles_open ON cycles(n) WHERE status = 'pending';
"""

_STEPS = (_FIRST, _SECOND)
_RECEIPT = ("key", "due", "outcome", "missed", "started", "ended", "tokens", "message", "by")


def prepare(connection: Connection) -> None:
    """Bring the file to the present version; raises JobError (``jobs_too_new``)."""
    migrate(connection, _STEPS, JOBS)


def body_of(job: Job) -> str:
    """Write what of a job never changes, but for what has columns of its own."""
    body: dict[str, Any] = {
        "schedule": to_record(job.schedule),
        "action": action_to_record(job.action),
        "title": job.title,
        "misfire": job.misfire,
        "overlap": job.overlap,
        "telling": job.telling,
        "jitter_s": job.jitter_s,
        "max_tokens": job.max_tokens,
        "timeout_s": job.timeout_s,
        "origins": job.origins,
    }
    if job.condition is not None:
        body["condition"] = job.condition.to_record()
    return json.dumps(body)


def job_of(row: dict[str, Any]) -> Job:
    """Read a job from its row; raises JobError (``job_invalid``) if it cannot be read."""
    try:
        return _job_of(row, json.loads(row["body"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"the job {row['id']} cannot be read: {error!r}"
        raise JobError(why, code="job_invalid") from error


def _job_of(row: dict[str, Any], body: dict[str, Any]) -> Job:
    condition = body.get("condition")
    return Job(
        id=row["id"],
        owner=row["owner"],
        schedule=from_record(body["schedule"]),
        action=action_from_record(body["action"]),
        created=row["created"],
        session_id=row["session"],
        title=body["title"],
        condition=None if condition is None else condition_from_record(condition),
        misfire=Misfire(body["misfire"]),
        overlap=Overlap(body["overlap"]),
        telling=Telling(body["telling"]),
        jitter_s=body["jitter_s"],
        max_tokens=body["max_tokens"],
        timeout_s=body["timeout_s"],
        goal=row["goal"],
        made_by=MadeBy(row["made_by"]),
        origins=tuple(body["origins"]),
    )


def state_of(row: dict[str, Any], last: Receipt | None = None) -> State:
    """Read how a job stands from its row."""
    own = {it.name for it in fields(State)} - {"last", "enabled"}
    members = {name: row[name] for name in own}
    return State(enabled=bool(row["enabled"]), last=last, **members)


def receipt_of(row: dict[str, Any]) -> Receipt:
    """Read a receipt from its row, which names its job and that job's owner too."""
    members = {name: row[name] for name in _RECEIPT}
    outcome = Outcome(members.pop("outcome"))
    return Receipt(job=row["id"], owner=row["owner"], outcome=outcome, **members)
