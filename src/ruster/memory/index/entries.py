"""Items brought into the indexes and taken out again, together with what stands around them.

The words near a chunk are those of its neighbours in the text; at a text's ends those of the turns
before and after it in the same session. When an item comes or goes, its neighbours are indexed
anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ruster.memory.embedding.keys import text_key
from ruster.memory.index.chunks import first_words, last_words
from ruster.memory.index.vectors import remove_vectors
from ruster.memory.index.words import (
    Entry,
    add_words,
    create_words,
    date_label,
    date_words,
    remove_words,
)

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["chunks_of", "index_items", "passages", "rebuild_words", "unindex_items", "vector_keys"]

_ENDS = 1000
_GAP_S = 6 * 3600.0
"""Turns further apart in time do not belong together."""
_REBUILD_ITEMS = 1000


class _Place(NamedTuple):
    chunk: int
    start: int
    stop: int


class _Item(NamedTuple):
    n: int
    text: str
    speaker: str
    session: str
    ts: float


def index_items(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> list[int]:
    """Bring items that have chunks into the index of words; return their chunks.

    The chunks wait for vectors from now on.
    """
    chunks = chunks_of(connection, numbers)
    around = _around(connection, numbers) - set(numbers)
    _add(connection, (*numbers, *around), zone)
    connection.executemany(
        "INSERT OR IGNORE INTO pending(chunk) VALUES(?)", ((it,) for it in chunks)
    )
    return chunks


def unindex_items(
    connection: Connection, numbers: Sequence[int], zone: tzinfo | None
) -> tuple[int, int]:
    """Take items out of all indexes; they must be hidden or about to go.

    Returns how many chunks and how many vectors there were.
    """
    chunks = chunks_of(connection, numbers)
    around = _around(connection, numbers) - set(numbers)
    remove_words(connection, chunks)
    connection.executemany("DELETE FROM pending WHERE chunk = ?", ((it,) for it in chunks))
    vectors = remove_vectors(connection, chunks)
    _add(connection, tuple(around), zone)
    return len(chunks), vectors


def chunks_of(connection: Connection, numbers: Iterable[int]) -> list[int]:
    """Return the chunks of items."""
    ask = "SELECT id FROM chunks WHERE item IN (SELECT value FROM json_each(?)) ORDER BY id"
    return [chunk for (chunk,) in connection.execute(ask, (str(list(numbers)),))]


def passages(connection: Connection, chunks: Sequence[int], zone: tzinfo | None) -> dict[int, str]:
    """Return the texts that vectors are made of: date, speaker and the chunk."""
    ask = (
        "SELECT c.id, substr(i.text, c.start + 1, c.stop - c.start), i.speaker, i.ts "
        "FROM chunks c JOIN items i ON i.n = c.item WHERE c.id IN (SELECT value FROM json_each(?))"
    )
    rows = connection.execute(ask, (str(list(chunks)),))
    return {
        chunk: f"[{date_label(ts, zone)}] {_spoken(speaker, text)}"
        for chunk, text, speaker, ts in rows
    }


def vector_keys(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> set[bytes]:
    """Return by what the cache knows the vectors of items: as passages, and as questions whole."""
    keys: set[bytes] = set()
    ask = "SELECT text FROM items WHERE n IN (SELECT value FROM json_each(?))"
    for start in range(0, len(numbers), _REBUILD_ITEMS):
        part = numbers[start : start + _REBUILD_ITEMS]
        told = passages(connection, chunks_of(connection, part), zone)
        keys.update(map(text_key, told.values()))
        keys.update(text_key(text) for (text,) in connection.execute(ask, (str(list(part)),)))
    return keys


def rebuild_words(connection: Connection, zone: tzinfo | None) -> None:
    """Make the index of words anew from all items that are not hidden."""
    create_words(connection)
    last = 0
    ask = "SELECT n FROM items WHERE n > ? AND hidden IS NULL ORDER BY n LIMIT ?"
    while numbers := [n for (n,) in connection.execute(ask, (last, _REBUILD_ITEMS))]:
        _add(connection, numbers, zone)
        last = numbers[-1]


def _add(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> None:
    listed = str(list(numbers))
    ask = "SELECT n, text, speaker, session, ts FROM items "
    ask += "WHERE n IN (SELECT value FROM json_each(?)) AND hidden IS NULL"
    items = [_Item(*row) for row in connection.execute(ask, (listed,))]
    ask = "SELECT item, id, start, stop FROM chunks "
    ask += "WHERE item IN (SELECT value FROM json_each(?)) ORDER BY id"
    places: dict[int, list[_Place]] = {}
    for number, *place in connection.execute(ask, (listed,)):
        places.setdefault(number, []).append(_Place(*place))
    add_words(
        connection,
        (
            entry
            for it in items
            for entry in _entries(it, places.get(it.n, ()), _beside(connection, it), zone)
        ),
    )


def _entries(
    item: _Item, places: Sequence[_Place], beside: tuple[str, str], zone: tzinfo | None
) -> Iterable[Entry]:
    texts = [item.text[it.start : it.stop] for it in places]
    around = [beside[0], *texts, beside[1]]
    day = date_words(item.ts, zone)
    for at, it in enumerate(places):
        near = f"{last_words(around[at])} {first_words(around[at + 2])}"
        yield Entry(it.chunk, _spoken(item.speaker, texts[at]), near, day)


def _beside(connection: Connection, item: _Item) -> tuple[str, str]:
    """Return the end of the turn before an item, and the beginning of the one after it."""
    if not item.session:
        return "", ""
    return (
        _turn(connection, item, f"substr(text, -{_ENDS})", "n < ? ORDER BY n DESC"),
        _turn(connection, item, f"substr(text, 1, {_ENDS})", "n > ? ORDER BY n"),
    )


def _turn(connection: Connection, item: _Item, part: str, which: str) -> str:
    rows = connection.execute(
        f"SELECT {part}, speaker, ts FROM items "
        f"WHERE session = ? AND session <> '' AND hidden IS NULL AND {which} LIMIT 1",
        (item.session, item.n),
    )
    for text, speaker, ts in rows:
        if abs(ts - item.ts) <= _GAP_S:
            return _spoken(speaker, text)
    return ""


def _around(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Return the turns right before and right after items."""
    found: set[int] = set()
    for which in ("o.n < i.n ORDER BY o.n DESC", "o.n > i.n ORDER BY o.n"):
        ask = (
            "SELECT (SELECT o.n FROM items o WHERE o.session = i.session AND o.session <> '' "
            f"AND o.hidden IS NULL AND {which} LIMIT 1) FROM items i "
            "WHERE i.n IN (SELECT value FROM json_each(?)) AND i.session <> ''"
        )
        found.update(n for (n,) in connection.execute(ask, (str(list(numbers)),)) if n is not None)
    return found


def _spoken(speaker: str, text: str) -> str:
    return f"{speaker}: {text}" if speaker else text
