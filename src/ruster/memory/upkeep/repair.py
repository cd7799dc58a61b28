"""The indexes made anew from the records, and the check that both agree."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from ruster.memory.index.entries import rebuild_words
from ruster.memory.index.vectors import generations, rebuild_vectors
from ruster.memory.index.words import WORDS

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["disagreements", "rebuild"]


def rebuild(connection: Connection, zone: tzinfo | None, *, exact: bool) -> None:
    """Make all indexes anew; what has no vector waits for one. ``exact``: vec0 is at hand."""
    connection.execute("DELETE FROM chunks WHERE item NOT IN (SELECT n FROM items)")
    rebuild_words(connection, zone)
    for it in generations(connection):
        rebuild_vectors(connection, it.number, exact=exact)
    connection.execute("DELETE FROM pending")
    connection.execute(
        "INSERT INTO pending(chunk) SELECT c.id FROM chunks c JOIN items i ON i.n = c.item "
        f"WHERE i.hidden IS NULL{_without_vectors(connection)}"
    )


def disagreements(connection: Connection) -> list[str]:
    """Return what is wrong with a memory, in words; empty when all is well. Reads all of it."""
    # FTS5 checks what this connection last knew of the index; a search makes it look again.
    connection.execute(f"SELECT 1 FROM {WORDS} WHERE {WORDS} MATCH 'a' LIMIT 1").fetchall()
    wrong = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    checks = {
        "chunks without their item": "SELECT count(*) FROM chunks WHERE item NOT IN "
        "(SELECT n FROM items)",
        "items whose chunks are not all there": "SELECT count(*) FROM items i WHERE parts <> "
        "(SELECT count(*) FROM chunks c WHERE c.item = i.n)",
        "chunks missing in the index of words": f"SELECT count(*) FROM ({_LIVE}) "
        f"WHERE id NOT IN (SELECT id FROM {WORDS}_docsize)",
        "too many chunks in the index of words": f"SELECT count(*) FROM {WORDS}_docsize "
        f"WHERE id NOT IN ({_LIVE})",
        "chunks that have no vector and wait for none": f"SELECT count(*) FROM ({_LIVE} "
        f"AND c.id NOT IN (SELECT chunk FROM pending){_without_vectors(connection)})",
    }
    for it in generations(connection):
        vectors, signs, exact = (f"{name}_{it.number}" for name in ("vectors", "signs", "exact"))
        checks |= {
            f"vectors of generation {it.number} without a chunk": "SELECT count(*) FROM "
            f"{vectors} WHERE chunk NOT IN ({_LIVE})",
            f"vectors of generation {it.number} without signs": "SELECT count(*) "
            f"FROM {vectors} WHERE chunk NOT IN (SELECT chunk FROM {signs})",
            f"signs of generation {it.number} without a vector": "SELECT count(*) "
            f"FROM {signs} WHERE chunk NOT IN (SELECT chunk FROM {vectors})",
            f"vectors of generation {it.number} that are not counted": f"SELECT {it.size} <> "
            f"(SELECT count(*) FROM {vectors})",
        }
        if it.exact:
            checks[f"vectors of generation {it.number} missing in the exact index"] = (
                f"SELECT count(*) FROM {vectors} WHERE chunk NOT IN (SELECT rowid FROM {exact})"
            )
    for what, ask in checks.items():
        if count := connection.execute(ask).get:
            wrong.append(f"{what}: {count}")
    return wrong


_LIVE = "SELECT c.id AS id FROM chunks c JOIN items i ON i.n = c.item WHERE i.hidden IS NULL"


def _without_vectors(connection: Connection) -> str:
    return "".join(
        f" AND c.id NOT IN (SELECT chunk FROM vectors_{it.number})"
        for it in generations(connection)
    )
