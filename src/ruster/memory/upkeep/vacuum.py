"""What is done daily: what is out of sight for long goes, indexes are mended, space given back."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from ruster.memory.index.vectors import forget_changes, generations, rebuild_vectors
from ruster.memory.index.words import merge_words
from ruster.memory.records.forgetting import emptied
from ruster.memory.records.log import Move, note
from ruster.memory.records.writing import erase
from ruster.memory.upkeep.rules import DAY_S
from ruster.memory.upkeep.settings import UpkeepSettings

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Vacuumed", "clean", "purge"]

_SLICE = 500
_HOLES = 256
_MAX_CHANGES = 100_000


class Vacuumed(NamedTuple):
    """How many records were deleted for good, and by how many bytes the file has shrunk."""

    purged: int
    freed_bytes: int


def purge(connection: Connection, settings: UpkeepSettings, now: float, zone: tzinfo | None) -> int:
    """Delete some records that went out of sight longer ago than one can undo; return how many.

    What was superseded stays: it is history.
    """
    found: list[Any] = connection.execute(
        "SELECT n, id FROM items WHERE hidden IS NOT NULL AND hidden <= ? AND superseded_by = '' "
        "LIMIT ?",
        (now - settings.undo_days * DAY_S, _SLICE),
    ).fetchall()
    erase(connection, [n for n, _ in found], zone)
    connection.executemany(
        "DELETE FROM derived WHERE source = ?1 OR summary = ?1", ((id,) for _, id in found)
    )
    moves = [Move(id, None, None) for _, id in found]
    note(connection, now, "purged", "undo_days", moves)
    connection.execute("DELETE FROM memory_log WHERE ts < ?", (now - settings.log_days * DAY_S,))
    return len(found)


def clean(connection: Connection, *, exact: bool) -> int:
    """Mend the indexes and give free pages back; return by how many bytes the file has shrunk.

    ``exact`` says whether vec0 is at hand, whose holes are not used again.
    """
    before = _bytes(connection)
    with connection:
        merge_words(connection)
        for it in generations(connection):
            if it.exact and it.dropped > max(_HOLES, it.size // 4):
                rebuild_vectors(connection, it.number, exact=exact)
        if connection.execute("SELECT count(*) FROM changes").get > _MAX_CHANGES:
            forget_changes(connection)
    connection.execute("PRAGMA incremental_vacuum").fetchall()
    connection.execute("PRAGMA optimize").fetchall()
    emptied(connection)
    return before - _bytes(connection)


def _bytes(connection: Connection) -> int:
    return int(connection.pragma("page_count")) * int(connection.pragma("page_size"))
