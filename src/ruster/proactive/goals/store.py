"""Goals in the file of the jobs: what a goal does to its jobs happens in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruster.core.errors import JobError
from ruster.proactive.goals.goal import MAX_GOALS, MAX_NOTES, Goal, Note
from ruster.proactive.jobs.rows import rows
from ruster.storage.sqlite.database import Database

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["GoalStore"]

_ROWS = (
    "SELECT goals.*, (SELECT count(*) FROM jobs WHERE jobs.owner = goals.owner"
    " AND jobs.goal = goals.id) AS jobs FROM goals"
)


class GoalStore:
    """``database`` is that of the jobs. Methods raise JobError and StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner: int, goal_id: str, description: str, now: float) -> Goal:
        """Keep a new goal; raises JobError (``goal_exists``, ``goal_limit``)."""

        def work(connection: Connection) -> Goal:
            if _find(connection, owner, goal_id) is not None:
                raise JobError(f"there is a goal {goal_id!r} already", code="goal_exists")
            ask = "SELECT count(*) FROM goals WHERE owner = ?"
            if connection.execute(ask, (owner,)).get >= MAX_GOALS:
                raise JobError(
                    f"you have {MAX_GOALS} goals already; remove some", code="goal_limit"
                )
            connection.execute(
                "INSERT INTO goals(owner, id, description, created, updated_at)"
                " VALUES(?, ?, ?, ?, ?)",
                (owner, goal_id, description, now, now),
            )
            return _goal(connection, _found(connection, owner, goal_id))

        return await self._database.write(work)

    async def get(self, owner: int, goal_id: str) -> Goal:
        """Return a goal; raises JobError (``goal_not_found``)."""

        def work(connection: Connection) -> Goal:
            return _goal(connection, _found(connection, owner, goal_id))

        return await self._database.read(work)

    async def goals(self, owner: int | None) -> list[Goal]:
        """Return a user's goals, or everybody's, those first that are not achieved."""
        where = "" if owner is None else " WHERE owner = :owner"

        def work(connection: Connection) -> list[Goal]:
            found = rows(connection, f"{_ROWS}{where} ORDER BY achieved, n", {"owner": owner})
            return [_goal(connection, row) for row in found]

        return await self._database.read(work)

    async def note(self, owner: int, goal_id: str, text: str, now: float) -> Goal:
        """Note something on a goal; the oldest note goes if there are too many."""

        def work(connection: Connection) -> Goal:
            _note(connection, _found(connection, owner, goal_id)["n"], text, now)
            return _goal(connection, _found(connection, owner, goal_id))

        return await self._database.write(work)

    async def achieve(self, owner: int, goal_id: str, note: str, now: float) -> Goal:
        """Mark a goal as achieved and switch its jobs off; once again changes nothing."""

        def work(connection: Connection) -> Goal:
            row = _found(connection, owner, goal_id)
            if not row["achieved"]:
                connection.execute("UPDATE goals SET achieved = 1 WHERE n = ?", (row["n"],))
                connection.execute(
                    "UPDATE jobs SET enabled = 0 WHERE owner = ? AND goal = ?", (owner, goal_id)
                )
                if note:
                    _note(connection, row["n"], note, now)
                else:
                    _touch(connection, row["n"], now)
            return _goal(connection, _found(connection, owner, goal_id))

        return await self._database.write(work)

    async def remove(self, owner: int, goal_id: str) -> list[str]:
        """Remove a goal with its notes and its jobs; return the ids of the jobs."""

        def work(connection: Connection) -> list[str]:
            row = _found(connection, owner, goal_id)
            connection.execute("DELETE FROM goals WHERE n = ?", (row["n"],))
            gone = connection.execute(
                "DELETE FROM jobs WHERE owner = ? AND goal = ? RETURNING id", (owner, goal_id)
            )
            return sorted(str(it[0]) for it in gone)

        return await self._database.write(work)


def _find(connection: Connection, owner: int, goal_id: str) -> dict[str, Any] | None:
    ask = f"{_ROWS} WHERE owner = ? AND id = ?"
    return next(iter(rows(connection, ask, (owner, goal_id))), None)


def _found(connection: Connection, owner: int, goal_id: str) -> dict[str, Any]:
    row = _find(connection, owner, goal_id)
    if row is None:
        raise JobError(f"there is no goal {goal_id[:64]!r}", code="goal_not_found")
    return row


def _goal(connection: Connection, row: dict[str, Any]) -> Goal:
    ask = "SELECT at, text FROM goal_notes WHERE goal = ? ORDER BY n"
    notes = tuple(Note(at, text) for at, text in connection.execute(ask, (row["n"],)))
    members = {it: row[it] for it in ("id", "owner", "description", "created", "updated_at")}
    return Goal(**members, achieved=bool(row["achieved"]), notes=notes, jobs=row["jobs"])


def _note(connection: Connection, number: int, text: str, now: float) -> None:
    connection.execute(
        "INSERT INTO goal_notes(goal, at, text) VALUES(?, ?, ?)", (number, now, text)
    )
    connection.execute(
        "DELETE FROM goal_notes WHERE goal = ? AND n NOT IN"
        " (SELECT n FROM goal_notes WHERE goal = ? ORDER BY n DESC LIMIT ?)",
        (number, number, MAX_NOTES),
    )
    _touch(connection, number, now)


def _touch(connection: Connection, number: int, now: float) -> None:
    connection.execute("UPDATE goals SET updated_at = ? WHERE n = ?", (now, number))
