"""Taking in the ``state.json`` of another daemon, once, when ruster has nothing of its own yet."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ruster.proactive.jobs.rows import find_job, insert_job, write_receipt
from ruster.proactive.pulse.legacy import Legacy, read_legacy
from ruster.proactive.settings import ProactiveSettings
from ruster.storage.sqlite.database import Database

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["take_in"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_MAX_BYTES = 16 << 20
_DONE = "pulse_imported"


async def take_in(
    path: Path, database: Database, owner: int, now: float, own: ProactiveSettings
) -> None:
    """Take in what the file holds; the file is moved aside then, as ``state.imported.json``.

    Nothing happens the second time, or when there are jobs or goals of a user's already. Raises
    JobError and StorageError.
    """
    if not await database.read(_is_wanted):
        return
    data = await asyncio.to_thread(_read, path)
    legacy = Legacy()
    if data is not None:
        limits = {"max_jobs": own.max_jobs, "gap_s": own.shortest_gap_s}
        legacy = read_legacy(data, owner, now, **limits)
    for problem in legacy.problems:
        _log.warning("pulse_not_imported", file=str(path), why=problem)
    if await database.write(lambda connection: _insert(connection, legacy)) and data is not None:
        _log.info("pulse_imported", jobs=len(legacy.jobs), goals=len(legacy.goals))
        await asyncio.to_thread(_move_aside, path)


def _is_wanted(connection: Connection) -> bool:
    ask = (
        "SELECT EXISTS(SELECT 1 FROM meta WHERE key = ?) OR EXISTS(SELECT 1 FROM goals)"
        " OR EXISTS(SELECT 1 FROM jobs WHERE made_by <> 'ruster')"
    )
    return not connection.execute(ask, (_DONE,)).get


def _read(path: Path) -> object | None:
    """Return the file's JSON; None without a file that could be read (blocks)."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES >> 20} MiB")
        found: object = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("pulse_not_imported", file=str(path), why=str(error))
        return None
    return found


def _insert(connection: Connection, legacy: Legacy) -> bool:
    """Keep it all and that it was done; False if somebody was faster."""
    if not _is_wanted(connection):
        return False
    for job, state in legacy.jobs:
        if find_job(connection, job.owner, job.id) is not None:  # one of ruster's own
            _log.warning("pulse_not_imported", job=job.id, why="ruster has a job of that name")
            continue
        insert_job(connection, job, state)
        number = connection.last_insert_rowid()
        connection.execute(
            "UPDATE jobs SET enabled = ?, fires = due, runs = ? WHERE n = ?",
            (state.enabled, state.runs, number),
        )
        if state.last is not None:
            write_receipt(connection, number, state.last)
    for goal in legacy.goals:
        connection.execute(
            "INSERT INTO goals(owner, id, description, achieved, created, updated_at)"
            " VALUES(?, ?, ?, ?, ?, ?)",
            (goal.owner, goal.id, goal.description, goal.achieved, goal.created, goal.updated_at),
        )
        number = connection.last_insert_rowid()
        for note in goal.notes:
            connection.execute(
                "INSERT INTO goal_notes(goal, at, text) VALUES(?, ?, ?)",
                (number, note.at, note.text),
            )
    connection.execute("INSERT INTO meta VALUES(?, 1)", (_DONE,))
    return True


def _move_aside(path: Path) -> None:
    try:
        path.replace(path.with_name("state.imported.json"))
    except OSError as error:  # it is overwritten then
        _log.warning("pulse_not_moved", file=str(path), why=str(error))
