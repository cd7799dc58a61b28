"""Jobs and receipts in one file. A due is taken and its receipt begun in one flushed transaction,
before anything is done: so it is never done twice, whenever ruster is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruster.core.errors import JobError
from ruster.core.ids import new_id
from ruster.proactive.jobs.claiming import fires_at, first_due, rewound
from ruster.proactive.jobs.job import Claimed, Job, Named, Outcome, Receipt, State
from ruster.proactive.jobs.rows import (
    JOB_ROWS,
    RUN_ROWS,
    check_goal,
    find_job,
    found_job,
    insert_job,
    last_receipt,
    rows,
    set_due,
    take,
    was_run,
    write_receipt,
)
from ruster.proactive.jobs.tables import JOBS, body_of, job_of, prepare, receipt_of, state_of
from ruster.proactive.schedules.schedule import next_due
from ruster.storage.sqlite.database import Database

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["Counts", "JobStore"]

_BATCH = 256
_MESSAGE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Counts:
    """Jobs there are, those that are switched on, and when the next of them is due."""

    jobs: int
    enabled: int
    next_fires: float | None


class JobStore:
    """Made by ``open``; methods raise JobError and StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> JobStore:
        """Open or create the file; raises JobError (``jobs_corrupt``, ``jobs_too_new``)."""
        database = Database(path, JOBS, lambda it: it.pragma("foreign_keys", True), readers=1)
        await database.open(prepare)
        return cls(database)

    @property
    def database(self) -> Database:
        """The file, for what is kept beside the jobs."""
        return self._database

    async def aclose(self) -> None:
        """Close the file."""
        await self._database.aclose()

    # Jobs

    async def add(self, job: Job, now: float, limit: int) -> State:
        """Keep a new job.

        Raises JobError (``job_exists``, ``job_limit``, ``when_past``, ``goal_not_found``).
        """
        due = first_due(job, now)
        if due is None:
            raise JobError("the time is over already; name a later one", code="when_past")
        state = State(due=due, fires=fires_at(job, due))

        def work(connection: Connection) -> None:
            if find_job(connection, job.owner, job.id) is not None:
                raise JobError(f"there is a job {job.id!r} already", code="job_exists")
            check_goal(connection, job.owner, job.goal)
            ask = "SELECT count(*) FROM jobs WHERE owner = ?"
            if connection.execute(ask, (job.owner,)).get >= limit:
                raise JobError(f"you have {limit} jobs already; remove some", code="job_limit")
            insert_job(connection, job, state)

        await self._database.write(work)
        return state

    async def ensure(self, jobs: list[Job], now: float) -> None:
        """Keep jobs of ruster's own as they are described, with the state that they have."""

        def work(connection: Connection) -> None:
            for job in jobs:
                row = find_job(connection, job.owner, job.id)
                due = first_due(job, now)
                if row is None:
                    fires = None if due is None else fires_at(job, due)
                    insert_job(connection, job, State(due=due, fires=fires))
                elif row["body"] != body_of(job):
                    fires = None if due is None else fires_at(job, due)
                    connection.execute(
                        "UPDATE jobs SET body = ?, due = ?, fires = ? WHERE n = ?",
                        (body_of(job), due, fires, row["n"]),
                    )

        await self._database.write(work)

    async def get(self, owner: int, job_id: str) -> tuple[Job, State]:
        """Return a job and how it stands; raises JobError (``job_not_found``)."""

        def work(connection: Connection) -> tuple[Job, State]:
            row = found_job(connection, owner, job_id)
            return job_of(row), state_of(row, last_receipt(connection, row["n"]))

        return await self._database.read(work)

    async def jobs(self, owner: int | None, session_id: str = "") -> list[tuple[Job, State]]:
        """Return a user's jobs, or everybody's, the next ones first."""
        wanted = [
            *(["owner = :owner"] if owner is not None else []),
            *(["session = :session"] if session_id else []),
        ]
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""

        def work(connection: Connection) -> list[tuple[Job, State]]:
            ask = f"{JOB_ROWS}{where} ORDER BY enabled DESC, fires IS NULL, fires, n"
            found = rows(connection, ask, {"owner": owner, "session": session_id})
            jobs = []
            for row in found:
                with suppress(JobError):  # one that cannot be read hides no other
                    jobs.append((job_of(row), state_of(row, last_receipt(connection, row["n"]))))
            return jobs

        return await self._database.read(work)

    async def remove(self, owner: int, job_id: str) -> None:
        """Remove a job with its receipts; raises JobError (``job_not_found``)."""

        def work(connection: Connection) -> None:
            row = found_job(connection, owner, job_id)
            connection.execute("DELETE FROM jobs WHERE n = ?", (row["n"],))

        await self._database.write(work)

    async def remove_where(self, owner: int, *, session_id: str = "", goal: str = "") -> list[str]:
        """Remove all jobs of a session or a goal; return their ids."""

        def work(connection: Connection) -> list[str]:
            gone = connection.execute(
                "DELETE FROM jobs WHERE owner = ? AND (session = ? AND session <> ''"
                " OR goal = ? AND goal <> '') RETURNING id",
                (owner, session_id, goal),
            )
            return [str(row[0]) for row in gone]

        return await self._database.write(work)

    async def switch(self, owner: int, job_id: str, now: float, *, enabled: bool) -> State:
        """Switch a job on, from its next due on, or off; raises JobError."""

        def work(connection: Connection) -> State:
            row = found_job(connection, owner, job_id)
            if bool(row["enabled"]) is enabled:
                return state_of(row)
            job = job_of(row)
            due = first_due(job, now) if enabled else row["due"]
            if enabled and due is None:
                raise JobError(f"the time of {job_id!r} is over", code="when_past")
            fires = None if due is None else fires_at(job, due)
            connection.execute(
                "UPDATE jobs SET enabled = ?, due = ?, fires = ? WHERE n = ?",
                (enabled, due, fires, row["n"]),
            )
            return replace(state_of(row), enabled=enabled, due=due, fires=fires)

        return await self._database.write(work)

    # Runs

    async def claim_due(
        self, now: float, running: Mapping[Named, int], grace_s: float
    ) -> list[Claimed]:
        """Take what is due, at most some hundreds; ``running`` counts runs that have not ended."""

        def work(connection: Connection) -> list[Claimed]:
            due = "enabled AND fires IS NOT NULL AND fires <= ?"
            ask = f"{JOB_ROWS} WHERE {due} ORDER BY fires LIMIT ?"
            taken = []
            counts = dict(running)
            for row in rows(connection, ask, (now, _BATCH)):
                claimed = take(connection, row, now, counts, grace_s)
                if claimed is not None:
                    taken.append(claimed)
            return taken

        ask = "SELECT 1 FROM jobs WHERE enabled AND fires IS NOT NULL AND fires <= ? LIMIT 1"
        if await self._database.read(lambda it: it.execute(ask, (now,)).get) is None:
            return []
        return await self._database.write(work)

    async def begin(self, owner: int, job_id: str, now: float, by: str) -> Claimed:
        """Begin a run that somebody asked for; raises JobError (``job_not_found``)."""

        def work(connection: Connection) -> Claimed:
            row = found_job(connection, owner, job_id)
            receipt = Receipt(new_id("r"), job_id, owner, now, Outcome.RUNNING, started=now, by=by)
            write_receipt(connection, row["n"], receipt)
            connection.execute("UPDATE jobs SET runs = runs + 1 WHERE n = ?", (row["n"],))
            return Claimed(job_of(row), state_of(row), receipt)

        return await self._database.write(work)

    async def finish(self, receipt: Receipt, state: State) -> None:
        """Close a receipt, and keep how its job stands now."""

        def work(connection: Connection) -> None:
            row = connection.execute(
                "UPDATE runs SET outcome = ?, ended = ?, tokens = ?, message = ? WHERE key = ?"
                " RETURNING job",
                (
                    receipt.outcome.value,
                    receipt.ended,
                    receipt.tokens,
                    receipt.message[:_MESSAGE_CHARS],
                    receipt.key,
                ),
            ).fetchone()
            if row is not None:  # else the job was removed meanwhile
                connection.execute(
                    "UPDATE jobs SET failures = ?, told = ?, told_at = ?, seen = ? WHERE n = ?",
                    (state.failures, state.told, state.told_at, state.seen, row[0]),
                )

        await self._database.write(work)

    async def unfinished(self) -> list[Claimed]:
        """Return the runs that were not ended before the last stop."""

        def work(connection: Connection) -> list[Claimed]:
            found = []
            for run in rows(connection, f"{RUN_ROWS} WHERE outcome = 'running' ORDER BY runs.n"):
                row = found_job(connection, run["owner"], run["id"])
                with suppress(JobError):
                    found.append(Claimed(job_of(row), state_of(row), receipt_of(run)))
            return found

        return await self._database.read(work)

    async def history(self, owner: int, job_id: str, limit: int) -> list[Receipt]:
        """Return a job's newest receipts, newest first; raises JobError (``job_not_found``)."""

        def work(connection: Connection) -> list[Receipt]:
            row = found_job(connection, owner, job_id)
            ask = f"{RUN_ROWS} WHERE runs.job = ? ORDER BY runs.n DESC LIMIT ?"
            return [receipt_of(it) for it in rows(connection, ask, (row["n"], limit))]

        return await self._database.read(work)

    # The whole

    async def counts(self) -> Counts:
        """Count the jobs."""
        ask = (
            "SELECT count(*), coalesce(sum(enabled AND fires IS NOT NULL), 0),"
            " min(iif(enabled, fires, NULL)) FROM jobs"
        )

        def work(connection: Connection) -> Counts:
            ((jobs, enabled, next_fires),) = connection.execute(ask)
            return Counts(jobs, enabled, next_fires)

        return await self._database.read(work)

    async def next_fires(self) -> float | None:
        """Return when the next job is due."""
        ask = "SELECT min(fires) FROM jobs WHERE enabled AND fires IS NOT NULL"

        def work(connection: Connection) -> float | None:
            found: float | None = connection.execute(ask).get
            return found

        return await self._database.read(work)

    async def tokens_since(self, moment: float) -> int:
        """Return the tokens of runs that ended since then."""
        ask = "SELECT coalesce(sum(tokens), 0) FROM runs WHERE tokens > 0 AND ended >= ?"
        return int(await self._database.read(lambda it: it.execute(ask, (moment,)).get))

    async def rewind(self, now: float) -> int:
        """Bring what is due nearer after the clock was set back; return how many jobs moved.

        What was done already at a time that comes again is not done again.
        """

        def work(connection: Connection) -> int:
            moved = 0
            ask = f"{JOB_ROWS} WHERE enabled AND due > ?"
            for row in rows(connection, ask, (now,)):
                job = job_of(row)
                due = rewound(job, row["due"], now)
                while due is not None and due < row["due"] and was_run(connection, row["n"], due):
                    due = next_due(job.schedule, due)
                if due is not None and due < row["due"]:
                    set_due(connection, row["n"], due, fires_at(job, due))
                    moved += 1
            return moved

        return await self._database.write(work)

    async def seen_at(self) -> float | None:
        """Return the last moment that was noted."""
        ask = "SELECT value FROM meta WHERE key = 'seen_at'"

        def work(connection: Connection) -> float | None:
            found: float | None = connection.execute(ask).get
            return found

        return await self._database.read(work)

    async def note_seen_at(self, now: float) -> None:
        """Note the present moment, to tell later whether the clock was set back."""
        statement = "INSERT OR REPLACE INTO meta VALUES('seen_at', ?)"
        await self._database.write(lambda it: _run(it, statement, (now,)), durable=False)

    async def prune(self, keep: int, before: float) -> int:
        """Remove receipts beyond ``keep`` a job, and jobs that were over ``before`` then."""

        def work(connection: Connection) -> int:
            connection.execute(
                "DELETE FROM jobs WHERE made_by <> 'ruster' AND fires IS NULL AND created < ?"
                " AND NOT EXISTS (SELECT 1 FROM runs WHERE job = jobs.n"
                " AND (ended IS NULL OR ended >= ?))",
                (before, before),
            )
            gone = 0
            crowded = "SELECT job FROM runs GROUP BY job HAVING count(*) > ?"
            for (number,) in connection.execute(crowded, (keep,)).fetchall():
                connection.execute(
                    "DELETE FROM runs WHERE job = ? AND outcome <> 'running' AND n <= (SELECT n"
                    " FROM runs WHERE job = ? ORDER BY n DESC LIMIT 1 OFFSET ?)",
                    (number, number, keep),
                )
                gone += connection.changes()
            return gone

        return await self._database.write(work, durable=False)


def _run(connection: Connection, statement: str, values: tuple[Any, ...]) -> None:
    connection.execute(statement, values)
