"""Records written, hidden, shown again and erased, with their chunks and index entries.

All functions work inside a transaction of their caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from ruster.core.errors import MemoryError
from ruster.core.ids import new_uuid
from ruster.core.memory import Layer, Record
from ruster.memory.index.chunks import spans
from ruster.memory.index.entries import chunks_of, index_items, unindex_items
from ruster.memory.index.formats import many_encoded
from ruster.memory.index.vectors import add_vectors, generation, layer_code, relayer
from ruster.memory.records.rows import insert_item
from ruster.memory.records.sameness import digest_of

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["completed", "erase", "hide", "insert", "move", "rewrite", "show", "vectors_given"]


def completed(record: Record, now: float) -> Record:
    """Return the record with an id and a time."""
    ts = now if record.ts is None else record.ts
    return replace(record, ts=ts, id=record.id or new_uuid(now))


def insert(connection: Connection, records: Sequence[Record], zone: tzinfo | None) -> list[int]:
    """Add checked records that have ids and times; return their numbers.

    Raises MemoryError (``record_exists``).
    """
    numbers = []
    for record in records:
        if connection.execute("SELECT 1 FROM items WHERE id = ?", (record.id,)).fetchone():
            raise MemoryError(
                f"there is a record with the id {record.id} already", code="record_exists"
            )
        number, places = insert_item(connection, record)
        _add_chunks(connection, number, places)
        numbers.append(number)
    index_items(connection, numbers, zone)
    return numbers


def vectors_given(
    connection: Connection,
    records: Sequence[Record],
    numbers: Sequence[int],
    name: str | None,
    exact: bool,
) -> None:
    """Store the vectors that records brought along, under the generation ``name``.

    Texts of several chunks wait for an embedder like those without a vector, and so do all when
    there is no embedder: nothing could search by them. Raises MemoryError (``vector_invalid``).
    """
    rows = []
    for record, number in zip(records, numbers, strict=True):
        if record.embedding is not None:
            chunks = chunks_of(connection, (number,))
            if len(chunks) == 1:
                rows.append((chunks[0], layer_code(record.layer), record.embedding))
    encoded = many_encoded([vector for _, _, vector in rows]) if rows else []
    if rows and name is not None:
        add_vectors(
            connection,
            generation(connection, name, exact=exact),
            [(row[0], row[1], it) for row, it in zip(rows, encoded, strict=True)],
        )
        connection.executemany(
            "DELETE FROM pending WHERE chunk = ?", ((chunk,) for chunk, _, _ in rows)
        )


def rewrite(connection: Connection, number: int, text: str, zone: tzinfo | None) -> None:
    """Give an item that is not hidden another text."""
    unindex_items(connection, (number,), zone)
    connection.execute("DELETE FROM chunks WHERE item = ?", (number,))
    places = spans(text)
    connection.execute(
        "UPDATE items SET text = ?, parts = ?, digest = iif(digest IS NULL, NULL, ?) WHERE n = ?",
        (text, len(places), digest_of(text), number),
    )
    _add_chunks(connection, number, places)
    index_items(connection, (number,), zone)


def move(connection: Connection, number: int, text: str, layer: Layer) -> None:
    """Bring an item to another layer."""
    digest = None if layer is Layer.INTERACT else digest_of(text)
    connection.execute(
        "UPDATE items SET layer = ?, digest = ? WHERE n = ?", (layer_code(layer), digest, number)
    )
    relayer(connection, chunks_of(connection, (number,)), layer)


def hide(connection: Connection, numbers: Sequence[int], now: float, zone: tzinfo | None) -> None:
    """Let items be found no more; they can be shown again."""
    connection.executemany("UPDATE items SET hidden = ? WHERE n = ?", ((now, n) for n in numbers))
    unindex_items(connection, numbers, zone)


def show(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> None:
    """Let hidden items be found again."""
    connection.executemany("UPDATE items SET hidden = NULL WHERE n = ?", ((n,) for n in numbers))
    index_items(connection, numbers, zone)


def erase(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> tuple[int, int]:
    """Delete items; return how many chunks and how many vectors went.

    Their words stay in the pages of the index until it is optimised.
    """
    connection.executemany("UPDATE items SET hidden = 0 WHERE n = ?", ((n,) for n in numbers))
    counts = unindex_items(connection, numbers, zone)
    connection.executemany("DELETE FROM chunks WHERE item = ?", ((n,) for n in numbers))
    connection.executemany("DELETE FROM items WHERE n = ?", ((n,) for n in numbers))
    return counts


def _add_chunks(connection: Connection, number: int, places: Sequence[tuple[int, int]]) -> None:
    connection.executemany(
        "INSERT INTO chunks(item, start, stop) VALUES(?, ?, ?)",
        ((number, start, stop) for start, stop in places),
    )
