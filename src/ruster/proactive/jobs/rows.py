"""Reading and writing single jobs and receipts, within a transaction of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from ruster.core.errors import JobError
from ruster.core.ids import new_id
from ruster.proactive.jobs.claiming import claim, fires_at
from ruster.proactive.jobs.job import Claimed, Job, Named, Outcome, Receipt, State
from ruster.proactive.jobs.tables import body_of, job_of, receipt_of, state_of

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection, Cursor

__all__ = [
    "JOB_ROWS",
    "RUN_ROWS",
    "check_goal",
    "find_job",
    "found_job",
    "insert_job",
    "last_receipt",
    "rows",
    "set_due",
    "take",
    "was_run",
    "write_receipt",
]

JOB_ROWS = "SELECT * FROM jobs"
RUN_ROWS = "SELECT runs.*, jobs.id, jobs.owner FROM runs JOIN jobs ON jobs.n = runs.job"
_log = structlog.stdlib.get_logger("ruster.proactive")


def take(
    connection: Connection,
    row: dict[str, Any],
    now: float,
    running: dict[Named, int],
    grace_s: float,
) -> Claimed | None:
    """Take one due, with its receipt; a job that cannot be read is switched off."""
    try:
        job = job_of(row)
    except JobError as error:
        _log.error("job_switched_off", owner=row["owner"], job=row["id"], why=error.message)
        connection.execute("UPDATE jobs SET enabled = 0 WHERE n = ?", (row["n"],))
        return None
    name = (job.owner, job.id)
    taken = claim(job, row["due"], now, runs=running.get(name, 0), grace_s=grace_s)
    if taken is None:
        return None
    runs = taken.outcome is Outcome.RUNNING
    running[name] = running.get(name, 0) + runs
    fires = None if taken.next_due is None else fires_at(job, taken.next_due)
    connection.execute(
        "UPDATE jobs SET due = ?, fires = ?, runs = runs + ? WHERE n = ?",
        (taken.next_due, fires, runs, row["n"]),
    )
    if was_run(connection, row["n"], taken.due):  # the clock was set back
        return None
    receipt = Receipt(
        key=new_id("r"),
        job=job.id,
        owner=job.owner,
        due=taken.due,
        outcome=taken.outcome,
        missed=taken.missed,
        started=now,
        ended=None if runs else now,
        message=taken.message,
    )
    write_receipt(connection, row["n"], receipt)
    return Claimed(job, state_of(row), receipt)


def insert_job(connection: Connection, job: Job, state: State) -> None:
    connection.execute(
        "INSERT INTO jobs(owner, id, session, goal, made_by, created, body, due, fires)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.owner,
            job.id,
            job.session_id,
            job.goal,
            job.made_by.value,
            job.created,
            body_of(job),
            state.due,
            state.fires,
        ),
    )


def write_receipt(connection: Connection, number: int, receipt: Receipt) -> None:
    connection.execute(
        "INSERT INTO runs(key, job, due, outcome, missed, started, ended, message, by)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            receipt.key,
            number,
            receipt.due,
            receipt.outcome.value,
            receipt.missed,
            receipt.started,
            receipt.ended,
            receipt.message,
            receipt.by,
        ),
    )


def set_due(connection: Connection, number: int, due: float, fires: float) -> None:
    connection.execute("UPDATE jobs SET due = ?, fires = ? WHERE n = ?", (due, fires, number))


def was_run(connection: Connection, number: int, due: float) -> bool:
    ask = "SELECT 1 FROM runs WHERE job = ? AND due = ? AND by = 'schedule'"
    return connection.execute(ask, (number, due)).fetchone() is not None


def find_job(connection: Connection, owner: int, job_id: str) -> dict[str, Any] | None:
    return next(
        iter(rows(connection, f"{JOB_ROWS} WHERE owner = ? AND id = ?", (owner, job_id))), None
    )


def found_job(connection: Connection, owner: int, job_id: str) -> dict[str, Any]:
    row = find_job(connection, owner, job_id)
    if row is None:
        raise JobError(f"there is no job {job_id[:64]!r}")
    return row


def check_goal(connection: Connection, owner: int, goal_id: str) -> None:
    """Raise JobError (``goal_not_found``) for a goal that the owner does not have."""
    ask = "SELECT 1 FROM goals WHERE owner = ? AND id = ?"
    if goal_id and connection.execute(ask, (owner, goal_id)).fetchone() is None:
        raise JobError(f"there is no goal {goal_id[:64]!r}", code="goal_not_found")


def last_receipt(connection: Connection, number: int) -> Receipt | None:
    ask = f"{RUN_ROWS} WHERE runs.job = ? ORDER BY runs.n DESC LIMIT 1"
    return next((receipt_of(it) for it in rows(connection, ask, (number,))), None)


def rows(
    connection: Connection, statement: str, values: tuple[Any, ...] | dict[str, Any] = ()
) -> list[dict[str, Any]]:
    cursor = connection.cursor()
    cursor.row_trace = _named
    return list(cursor.execute(statement, values))


def _named(cursor: Cursor, row: tuple[Any, ...]) -> Any:
    """Make a row a dictionary."""
    return dict(zip((it[0] for it in cursor.get_description()), row, strict=True))
