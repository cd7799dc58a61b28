"""The log of every move: which record, from where to where, by which rule. It holds no texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ruster.core.memory import Layer, LogEntry
from ruster.memory.index.vectors import LAYERS, layer_code

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Move", "batch_of", "entries", "mark_undone", "note"]

_COLUMNS = "n, ts, batch, action, rule, item, from_layer, to_layer, made, undone"


class Move(NamedTuple):
    """What was done to one record."""

    id: str
    from_layer: Layer | None
    to_layer: Layer | None
    made: str = ""


def note(connection: Connection, now: float, action: str, rule: str, moves: Sequence[Move]) -> None:
    """Write moves down that were one step."""
    last = "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'memory_log'), 0)"
    batch = connection.execute(last).get + 1
    connection.executemany(
        "INSERT INTO memory_log(ts, batch, action, rule, item, from_layer, to_layer, made) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (now, batch, action, rule, it.id, _code(it.from_layer), _code(it.to_layer), it.made)
            for it in moves
        ),
    )


def entries(
    connection: Connection, *, id: str | None = None, before: int | None = None, limit: int = 100
) -> list[LogEntry]:
    """Return entries, newest first: those of one record, those before a number."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM memory_log WHERE (?1 IS NULL OR item = ?1) "
        "AND (?2 IS NULL OR n < ?2) ORDER BY n DESC LIMIT ?3",
        (id, before, limit),
    )
    return [_entry(row) for row in rows]


def batch_of(connection: Connection, number: int) -> list[LogEntry]:
    """Return the whole step an entry belongs to, in order; empty if there is no such entry."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM memory_log "
        "WHERE batch = (SELECT batch FROM memory_log WHERE n = ?) ORDER BY n",
        (number,),
    )
    return [_entry(row) for row in rows]


def mark_undone(connection: Connection, batch: int, now: float) -> None:
    """Note that a step was undone."""
    connection.execute("UPDATE memory_log SET undone = ? WHERE batch = ?", (now, batch))


def _code(layer: Layer | None) -> int | None:
    return None if layer is None else layer_code(layer)


def _entry(row: Sequence[object]) -> LogEntry:
    n, ts, batch, action, rule, item, before, after, made, undone = row
    layers = [None if it is None else LAYERS[int(str(it))] for it in (before, after)]
    return LogEntry(
        int(str(n)),
        float(str(ts)),
        int(str(batch)),
        str(action),
        str(rule),
        str(item),
        layers[0],
        layers[1],
        str(made),
        None if undone is None else float(str(undone)),
    )
