"""The vectors' tables, one set for each generation, that is for each embedding model.

``vectors_N`` holds the half floats and is the truth. ``signs_N`` and the vec0 table ``exact_N`` are
made from it: the first serves large memories, the second small ones. ``changes`` tells readers that
keep signs in memory what was added or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ruster.core.memory import DIMENSIONS, Layer
from ruster.memory.database.virtual import drop_virtual
from ruster.memory.index.formats import Encoded, from_half, many_encoded

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = [
    "EXACT_LIMIT",
    "LAYERS",
    "Generation",
    "add_vectors",
    "drop_generation",
    "forget_changes",
    "generation",
    "generations",
    "halves_of",
    "layer_code",
    "rebuild_vectors",
    "relayer",
    "remove_vectors",
]

EXACT_LIMIT = 32_768
"""Vectors of a generation up to which the exact index is kept: 20 ms a search there, and linear."""
LAYERS = tuple(Layer)
_SIGNS = "chunk INTEGER PRIMARY KEY, layer INTEGER NOT NULL, bits BLOB NOT NULL"
_REBUILD_ROWS = 4096


class Generation(NamedTuple):
    """The vectors of one embedding model; ``exact`` says that the exact index is kept."""

    number: int
    name: str
    size: int
    exact: bool
    dropped: int


def layer_code(layer: Layer) -> int:
    """Return the number a layer is stored as."""
    return LAYERS.index(layer)


def generations(connection: Connection) -> list[Generation]:
    """Return all generations, oldest first."""
    rows = connection.execute("SELECT id, name, size, exact, dropped FROM generations ORDER BY id")
    return [Generation(n, name, size, bool(exact), gone) for n, name, size, exact, gone in rows]


def generation(connection: Connection, name: str, *, exact: bool) -> Generation:
    """Return a model's generation, made if need be; ``exact`` says whether vec0 is at hand."""
    found = [it for it in generations(connection) if it.name == name]
    if found:
        return found[0]
    connection.execute("INSERT INTO generations(name, exact) VALUES(?, ?)", (name, exact))
    number = connection.last_insert_rowid()
    connection.execute(
        f"CREATE TABLE vectors_{number}(chunk INTEGER PRIMARY KEY, half BLOB NOT NULL) STRICT;"
        f"CREATE TABLE signs_{number}({_SIGNS}) STRICT;"
    )
    if exact:
        _create_exact(connection, number)
    return Generation(number, name, 0, exact, 0)


def drop_generation(connection: Connection, number: int) -> None:
    """Delete a generation with all its vectors."""
    for table in ("vectors", "signs", "exact"):
        connection.execute(f"DROP TABLE IF EXISTS {table}_{number}")
    connection.execute("DELETE FROM generations WHERE id = ?", (number,))
    connection.execute("DELETE FROM changes WHERE generation = ?", (number,))


def add_vectors(
    connection: Connection, into: Generation, rows: Sequence[tuple[int, int, Encoded]]
) -> None:
    """Add the vectors of chunks: ids, codes of their layers, encoded vectors; none may be there."""
    number = into.number
    connection.executemany(
        f"INSERT INTO vectors_{number} VALUES(?, ?)", ((chunk, it[0]) for chunk, _, it in rows)
    )
    connection.executemany(
        f"INSERT INTO signs_{number} VALUES(?, ?, ?)",
        ((chunk, layer, it[2]) for chunk, layer, it in rows),
    )
    _tell(connection, number, (chunk for chunk, _, _ in rows))
    connection.execute("UPDATE generations SET size = size + ? WHERE id = ?", (len(rows), number))
    if into.exact:
        _add_exact(connection, number, ((chunk, layer, it[1]) for chunk, layer, it in rows))
        if into.size + len(rows) > EXACT_LIMIT:
            connection.execute(f"DROP TABLE exact_{number}")
            connection.execute("UPDATE generations SET exact = 0 WHERE id = ?", (number,))


def remove_vectors(connection: Connection, chunks: Sequence[int]) -> int:
    """Remove the vectors of chunks in all generations; return how many there were."""
    removed = 0
    for it in generations(connection):
        gone = _delete(connection, f"vectors_{it.number}", chunks)
        if not gone:
            continue
        _delete(connection, f"signs_{it.number}", gone)
        if it.exact:
            ask = f"DELETE FROM exact_{it.number} WHERE rowid = ?"
            connection.executemany(ask, ((chunk,) for chunk in gone))
        _tell(connection, it.number, gone)
        connection.execute(
            "UPDATE generations SET size = size - ?1, dropped = dropped + ?1 WHERE id = ?2",
            (len(gone), it.number),
        )
        removed += len(gone)
    return removed


def relayer(connection: Connection, chunks: Sequence[int], layer: Layer) -> None:
    """Note that chunks belong to another layer now."""
    for it in generations(connection):
        if it.exact:
            connection.executemany(
                f"UPDATE exact_{it.number} SET layer = ? WHERE rowid = ?",
                ((layer_code(layer), chunk) for chunk in chunks),
            )
        connection.executemany(
            f"UPDATE signs_{it.number} SET layer = ? WHERE chunk = ?",
            ((layer_code(layer), chunk) for chunk in chunks),
        )
        _tell(connection, it.number, chunks)


def halves_of(connection: Connection, number: int, chunks: Sequence[int]) -> dict[int, bytes]:
    """Return the half floats of those chunks that have some in a generation."""
    ask = (
        f"SELECT chunk, half FROM vectors_{number} WHERE chunk IN (SELECT value FROM json_each(?))"
    )
    return dict(connection.execute(ask, (str(sorted(chunks)),)))


def rebuild_vectors(connection: Connection, number: int, *, exact: bool) -> int:
    """Make a generation's indexes anew from the half floats; return how many vectors there are.

    Vectors of chunks that are gone go, too. ``exact`` says whether vec0 is at hand.
    """
    connection.execute(
        f"DELETE FROM vectors_{number} WHERE chunk NOT IN "
        "(SELECT c.id FROM chunks c JOIN items i ON i.n = c.item WHERE i.hidden IS NULL)"
    )
    size: int = connection.execute(f"SELECT count(*) FROM vectors_{number}").get
    keep = exact and size <= EXACT_LIMIT
    connection.execute(f"DROP TABLE IF EXISTS signs_{number}")
    connection.execute(f"CREATE TABLE signs_{number}({_SIGNS}) STRICT")
    drop_virtual(connection, f"exact_{number}")
    if keep:
        _create_exact(connection, number)
    for rows in _stored(connection, number):
        connection.executemany(
            f"INSERT INTO signs_{number} VALUES(?, ?, ?)",
            ((chunk, layer, it[2]) for chunk, layer, it in rows),
        )
        if keep:
            _add_exact(connection, number, ((chunk, layer, it[1]) for chunk, layer, it in rows))
    connection.execute(
        "UPDATE generations SET size = ?, exact = ?, dropped = 0 WHERE id = ?", (size, keep, number)
    )
    forget_changes(connection)
    return size


def forget_changes(connection: Connection) -> None:
    """Empty the list of changes; whoever keeps signs in memory reads them all again."""
    _tell(connection, 0, (0,))
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES('changes_from', (SELECT max(seq) FROM changes))"
    )
    connection.execute("DELETE FROM changes")


def _stored(connection: Connection, number: int) -> Iterator[list[tuple[int, int, Encoded]]]:
    """Yield the vectors of a generation, some at a time: chunks, layers and all their forms."""
    ask = (
        f"SELECT v.chunk, i.layer, v.half FROM vectors_{number} v "
        "JOIN chunks c ON c.id = v.chunk JOIN items i ON i.n = c.item "
        "WHERE v.chunk > ? ORDER BY v.chunk LIMIT ?"
    )
    last = -1

    def following() -> list[Any]:
        return connection.execute(ask, (last, _REBUILD_ROWS)).fetchall()

    while rows := following():
        last = rows[-1][0]
        encoded = many_encoded([from_half(half) for _, _, half in rows])
        yield [(row[0], row[1], it) for row, it in zip(rows, encoded, strict=True)]


def _tell(connection: Connection, number: int, chunks: Iterable[int]) -> None:
    connection.executemany(
        "INSERT INTO changes(generation, chunk) VALUES(?, ?)", ((number, it) for it in chunks)
    )


def _delete(connection: Connection, table: str, chunks: Sequence[int]) -> list[int]:
    """Delete rows and return the ids of those that were there."""
    ask = f"DELETE FROM {table} WHERE chunk = ? RETURNING chunk"
    return [found for (found,) in connection.executemany(ask, ((it,) for it in chunks))]


def _create_exact(connection: Connection, number: int) -> None:
    connection.execute(
        f"CREATE VIRTUAL TABLE exact_{number} USING vec0("
        f"vector int8[{DIMENSIONS}] distance_metric=cosine, layer integer, chunk_size=128)"
    )


def _add_exact(connection: Connection, number: int, rows: Iterable[tuple[int, int, bytes]]) -> None:
    connection.executemany(
        f"INSERT INTO exact_{number}(rowid, layer, vector) VALUES(?, ?, vec_int8(?))", rows
    )
