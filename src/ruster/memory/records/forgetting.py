"""Records deleted for good: no word of them stays in the file, in its log or in an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from ruster.core.memory import Forgotten
from ruster.memory.index.entries import vector_keys
from ruster.memory.index.vectors import generations, rebuild_vectors
from ruster.memory.index.words import optimize_words
from ruster.memory.records.log import Move, note
from ruster.memory.records.rows import find
from ruster.memory.records.writing import erase

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["emptied", "forget", "wipe"]


def forget(
    connection: Connection, ids: Iterable[str], now: float, zone: tzinfo | None
) -> tuple[Forgotten, set[bytes]]:
    """Delete records and the summaries that were made of them; ``wipe`` must follow.

    Also returns by what the cache knows their vectors.
    """
    told = find(connection, ids)
    made = _summaries(connection, told)
    summaries = find(connection, made)
    everything = told | summaries
    keys = vector_keys(connection, list(everything.values()), zone)
    chunks, vectors = erase(connection, list(everything.values()), zone)
    connection.executemany(
        "DELETE FROM derived WHERE source = ?1 OR summary = ?1", ((id,) for id in everything)
    )
    note(connection, now, "forgotten", "told", [Move(id, None, None) for id in told])
    note(connection, now, "forgotten", "summary", [Move(id, None, None) for id in summaries])
    return Forgotten(tuple(told), tuple(summaries), chunks, vectors), keys


def wipe(connection: Connection, *, exact: bool) -> bool:
    """Write anew what may still hold deleted words or vectors; return whether the log is empty.

    The database's own log (WAL) is emptied as soon as no reader needs it: False asks to call
    again. ``exact`` says whether vec0 is at hand.
    """
    with connection:
        optimize_words(connection)
        for it in generations(connection):
            if it.exact and it.dropped:
                rebuild_vectors(connection, it.number, exact=exact)
    return emptied(connection)


def emptied(connection: Connection) -> bool:
    """Write the database's own log into the file and cut it; False when a reader needs it."""
    (row,) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bool(row[0] == 0)


def _summaries(connection: Connection, ids: Iterable[str]) -> list[str]:
    """Return the summaries made of records, and those made of these."""
    found: list[str] = []
    left: Sequence[str] = list(ids)
    while left:
        ask = "SELECT summary FROM derived WHERE source = ?"
        rows = connection.executemany(ask, ((id,) for id in left))
        left = [summary for (summary,) in rows if summary not in found]
        found.extend(dict.fromkeys(left))
    return found
