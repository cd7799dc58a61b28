"""The last cycles, in the file of the jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog

from ruster.proactive.ooda.cycle import Report, Status
from ruster.storage.sqlite.database import Database

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["MAX_CYCLES", "CycleStore"]

MAX_CYCLES = 100
_log = structlog.stdlib.get_logger("ruster.proactive")


class CycleStore:
    """``database`` is that of the jobs. Methods raise JobError and StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, report: Report) -> None:
        """Keep a cycle, or how it stands now; the oldest go, but none that waits for an answer."""
        body = json.dumps(report.to_record())

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO cycles(id, status, body) VALUES(:id, :status, :body)"
                " ON CONFLICT(id) DO UPDATE SET status = :status, body = :body",
                {"id": report.id, "status": report.approval_status.value, "body": body},
            )
            connection.execute(
                "DELETE FROM cycles WHERE status <> 'pending' AND n NOT IN"
                " (SELECT n FROM cycles ORDER BY n DESC LIMIT ?)",
                (MAX_CYCLES,),
            )

        await self._database.write(work)

    async def cycles(self, limit: int = MAX_CYCLES) -> list[Report]:
        """Return the newest cycles, the newest first."""
        return await self._read("ORDER BY n DESC LIMIT ?", limit)

    async def pending(self) -> list[Report]:
        """Return the cycles that wait for an answer, the oldest first."""
        return await self._read("WHERE status = ? ORDER BY n", Status.PENDING.value)

    async def _read(self, where: str, value: int | str) -> list[Report]:
        def work(connection: Connection) -> list[str]:
            ask = f"SELECT body FROM cycles {where}"
            return [str(body) for (body,) in connection.execute(ask, (value,))]

        found = []
        for body in await self._database.read(work):
            try:
                found.append(Report.from_record(json.loads(body)))
            except (KeyError, TypeError, ValueError) as error:  # it hides no other
                _log.warning("cycle_unreadable", why=str(error))
        return found
