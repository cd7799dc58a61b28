"""Moves undone: records come back to where they were, and what was made of them goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from ruster.core.errors import MemoryError
from ruster.core.memory import LogEntry
from ruster.memory.index.vectors import layer_code
from ruster.memory.records.log import Move, batch_of, mark_undone, note
from ruster.memory.records.rows import find
from ruster.memory.records.writing import hide, move, show

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["undo"]

_DAY_S = 86_400.0
_UNDOABLE = frozenset({"promoted", "demoted", "expired", "summarized", "superseded"})


def undo(
    connection: Connection, number: int, now: float, days: float, zone: tzinfo | None
) -> list[LogEntry]:
    """Undo the step of an entry; raises MemoryError (``undo_impossible``)."""
    batch = batch_of(connection, number)
    found = find(connection, [it.id for it in batch])
    _check(batch, found, number, now, days)
    for it in batch:
        _restore(connection, it, found[it.id], zone)
    made = {it.made for it in batch if it.made and it.action in ("summarized", "demoted")}
    summaries = find(connection, made)
    hide(connection, list(summaries.values()), now, zone)
    connection.executemany("DELETE FROM derived WHERE summary = ?", ((id,) for id in summaries))
    mark_undone(connection, batch[0].batch, now)
    moves = [Move(it.id, it.to_layer, it.from_layer) for it in batch]
    note(connection, now, "undone", batch[0].rule, moves)
    return batch_of(connection, number)


def _check(
    batch: Sequence[LogEntry], found: dict[str, int], number: int, now: float, days: float
) -> None:
    if not batch:
        raise _impossible(f"the log has no entry {number}")
    first = batch[0]
    if first.action not in _UNDOABLE:
        raise _impossible(f"what was {first.action} cannot be undone")
    if first.undone is not None:
        raise _impossible("that is undone already")
    if now - first.ts > days * _DAY_S:
        raise _impossible(f"moves can be undone for {days:g} days")
    if missing := [it.id for it in batch if it.id not in found]:
        raise _impossible(f"{len(missing)} of its records are deleted")


def _restore(connection: Connection, entry: LogEntry, number: int, zone: tzinfo | None) -> None:
    text, hidden, layer = next(
        connection.execute("SELECT text, hidden, layer FROM items WHERE n = ?", (number,))
    )
    connection.execute(
        "UPDATE items SET pinned = 1, "
        "valid_to = iif(superseded_by = '', valid_to, NULL), superseded_by = '' WHERE n = ?",
        (number,),
    )
    if entry.from_layer is not None and layer != layer_code(entry.from_layer):
        move(connection, number, str(text), entry.from_layer)
    if hidden is not None:
        show(connection, (number,), zone)


def _impossible(message: str) -> MemoryError:
    return MemoryError(message, code="undo_impossible")
