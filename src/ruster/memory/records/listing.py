"""Records in order: the newest first for people, as they came for an export."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from ruster.core.memory import Layer, Record
from ruster.memory.index.vectors import layer_code
from ruster.memory.records.rows import COLUMNS, record_of, records_of

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["newest", "place_of", "since"]

_END = (float("inf"), "")


def newest(
    connection: Connection, layers: Iterable[Layer], before: tuple[float, str] | None, limit: int
) -> list[Record]:
    """Return what can be found in these layers, newest first.

    ``before`` is the time and id of the record that the page begins after.
    """
    pages = (
        records_of(
            connection,
            "hidden IS NULL AND layer = ? AND (ts, id) < (?, ?) ORDER BY ts DESC, id DESC LIMIT ?",
            (layer_code(layer), *(before or _END), limit),
        )
        for layer in layers
    )
    return list(islice(merge(*pages, key=place_of, reverse=True), limit))


def place_of(record: Record) -> tuple[float, str]:
    """Return where a record stands among others: its time, then its id."""
    return record.ts or 0.0, record.id


def since(connection: Connection, number: int, limit: int) -> list[tuple[int, Record]]:
    """Return what can be found and came after the item ``number``, with the items' numbers."""
    ask = f"SELECT n, {COLUMNS} FROM items WHERE hidden IS NULL AND n > ? ORDER BY n LIMIT ?"
    return [(n, record_of(row)) for n, *row in connection.execute(ask, (number, limit))]
