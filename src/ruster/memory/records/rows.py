"""Records as rows of the table ``items``, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ruster.core.memory import Record
from ruster.memory.index.chunks import spans
from ruster.memory.index.vectors import LAYERS, layer_code
from ruster.memory.records.sameness import digest_of

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = [
    "COLUMNS",
    "Value",
    "find",
    "insert_item",
    "packed",
    "record_of",
    "records_of",
    "unpacked",
]

_STORED = (
    "id, text, layer, kind, tags, project, session, speaker, ts, source, origins, pinned, score, "
    "slot, valid_from, valid_to, expires, metadata"
)
COLUMNS = f"{_STORED}, last_used, uses, superseded_by"
"""What ``record_of`` reads, in its order."""
_INSERT = f"INSERT INTO items({_STORED}, digest, parts) VALUES({', '.join('?' * 20)})"
Value = str | int | float | bytes | None


def insert_item(connection: Connection, record: Record) -> tuple[int, list[tuple[int, int]]]:
    """Add a checked record that has an id and a time; return its number and its chunks' places."""
    places = spans(record.text)
    values: tuple[Value, ...] = (
        record.id,
        record.text,
        layer_code(record.layer),
        record.kind,
        packed(record.tags),
        record.project,
        record.session,
        record.speaker,
        record.ts,
        record.source,
        packed(record.origins),
        int(record.pinned),
        record.score,
        record.slot,
        record.valid_from,
        record.valid_to,
        record.expires,
        record.metadata,
    )
    digest = None if record.layer is LAYERS[0] else digest_of(record.text)
    connection.execute(_INSERT, (*values, digest, len(places)))
    return connection.last_insert_rowid(), places


def record_of(row: Sequence[Value]) -> Record:
    """Return the record of a row of ``COLUMNS``."""
    it = iter(row)

    def text() -> str:
        return str(next(it))

    def number() -> float:
        return float(next(it) or 0)

    def time() -> float | None:
        value = next(it)
        return None if value is None else float(value)

    return Record(
        id=text(),
        text=text(),
        layer=LAYERS[int(number())],
        kind=text(),
        tags=unpacked(text()),
        project=text(),
        session=text(),
        speaker=text(),
        ts=time(),
        source=text(),
        origins=unpacked(text()),
        pinned=bool(number()),
        score=number(),
        slot=text(),
        valid_from=time(),
        valid_to=time(),
        expires=time(),
        metadata=text(),
        last_used=time(),
        uses=int(number()),
        superseded_by=text(),
    )


def records_of(connection: Connection, where: str, values: Sequence[Value] = ()) -> list[Record]:
    """Return the records that meet a condition, which may end with an order and a limit."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM items WHERE {where}", values)
    return [record_of(row) for row in rows]


def find(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those ids that are there, hidden ones, too."""
    ask = "SELECT id, n FROM items WHERE id = ?"
    return dict(connection.executemany(ask, ((it,) for it in ids)))


def packed(texts: tuple[str, ...]) -> str:
    """Return texts as they are stored."""
    return json.dumps(texts, ensure_ascii=False) if texts else "[]"


def unpacked(text: str) -> tuple[str, ...]:
    """Return stored texts."""
    return tuple(json.loads(text)) if text != "[]" else ()
