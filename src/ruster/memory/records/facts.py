"""Facts by name: set, get, delete, list by a pattern; what a name held before is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ruster.core.clock import Clock
from ruster.core.errors import MemoryError
from ruster.core.memory import Fact
from ruster.memory.database.database import Database
from ruster.memory.records.checks import check_label, check_text, checked_origins
from ruster.memory.records.rows import packed, unpacked

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Facts"]

_MAX_VALUE_BYTES = 64 << 10
_MAX_FACTS = 100_000
_HISTORY = 100
"""Earlier values kept of one name."""


class Facts:
    """The facts of one memory."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set(self, key: str, value: str, origins: Sequence[str] = ()) -> None:
        """Give a name a value; raises MemoryError (``text_invalid``, ``text_too_large``)."""
        if not check_label(key, "name"):
            raise MemoryError("the name is empty", code="text_invalid")
        check_text(value, "value", _MAX_VALUE_BYTES)
        marks, now = packed(checked_origins(origins)), self._clock.now()

        def work(connection: Connection) -> None:
            known = connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
            if known is None and connection.execute("SELECT count(*) FROM facts").get >= _MAX_FACTS:
                raise MemoryError(f"there are {_MAX_FACTS:,} facts; delete some", code="facts_full")
            if known != (value,):
                _end(connection, key, now)
            connection.execute(
                "INSERT INTO facts VALUES(?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET "
                "origins = excluded.origins",
                (key, value, now, marks),
            )

        await self._database.write(work)

    async def get(self, key: str) -> Fact | None:
        """Return what a name holds, or None."""
        check_text(key, "name")
        ask = "SELECT key, value, since, NULL, origins FROM facts WHERE key = ?"
        rows: list[Any] = await self._database.read(lambda it: it.execute(ask, (key,)).fetchall())
        return _fact(rows[0]) if rows else None

    async def delete(self, key: str) -> bool:
        """End a name's value; its history stays. Return whether it had one."""
        check_text(key, "name")
        now = self._clock.now()
        return await self._database.write(lambda it: _end(it, key, now))

    async def keys(self, pattern: str = "*", *, ended: bool = False) -> list[str]:
        """Return the names that fit a pattern, in order; ``*`` stands for any characters.

        With ``ended`` those are named, too, that hold nothing any more but have a history.
        """
        check_text(pattern, "pattern")
        escaped = pattern.replace("[", "[[]").replace("?", "[?]")
        ask = "SELECT key FROM facts WHERE key GLOB ?1"
        if ended:
            ask += " UNION SELECT key FROM fact_history WHERE key GLOB ?1"
        ask += " ORDER BY key"
        rows: list[Any] = await self._database.read(
            lambda it: it.execute(ask, (escaped,)).fetchall()
        )
        return [key for (key,) in rows]

    async def history(self, key: str) -> list[Fact]:
        """Return what a name held before, newest first."""
        check_text(key, "name")
        ask = "SELECT key, value, since, until, origins FROM fact_history WHERE key = ?"
        ask += " ORDER BY n DESC"
        return [
            _fact(row)
            for row in await self._database.read(lambda it: list(it.execute(ask, (key,))))
        ]

    async def flush_all(self) -> int:
        """End the values of all names; return how many had one."""
        now = self._clock.now()

        def work(connection: Connection) -> int:
            keys = [key for (key,) in connection.execute("SELECT key FROM facts")]
            return sum(_end(connection, key, now) for key in keys)

        return await self._database.write(work)


def _end(connection: Connection, key: str, now: float) -> bool:
    ended = connection.execute(
        "INSERT INTO fact_history(key, value, since, until, origins) "
        "SELECT key, value, since, ?, origins FROM facts WHERE key = ? RETURNING n",
        (now, key),
    ).fetchall()
    connection.execute("DELETE FROM facts WHERE key = ?", (key,))
    connection.execute(
        "DELETE FROM fact_history WHERE key = ?1 AND n NOT IN "
        "(SELECT n FROM fact_history WHERE key = ?1 ORDER BY n DESC LIMIT ?2)",
        (key, _HISTORY),
    )
    return bool(ended)


def _fact(row: tuple[str, str, float, float | None, str]) -> Fact:
    key, value, since, until, origins = row
    return Fact(key, value, since, until, unpacked(origins))
