"""Items brought into the indexes and taken out again, together with what stands around them.

The words near a chunk are those of its neighbours in the text; at a text's ends those of the turns
before and after it in the same session. When an item comes or goes, its neighbours are indexed
anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

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

__all__ = ["chunks_of", "index_items", "passages", "rebuild_words", "unindex_items"]

_ENDS = 1000
_GAP_S = 6 * 3600.0
"""Turns further apart in time do not belong together."""
_REBUILD_ITEMS = 1000


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
    ask = "SELECT id FROM chunks WHERE item = ?"
    return [chunk for (chunk,) in connection.executemany(ask, ((n,) for n in numbers))]


def passages(connection: Connection, chunks: Sequence[int], zone: tzinfo | None) -> dict[int, str]:
    """Return the texts that vectors are made of: date, speaker and the chunk."""
    ask = (
        "SELECT c.id, substr(i.text, c.start + 1, c.stop - c.start), i.speaker, i.ts "
        "FROM chunks c JOIN items i ON i.n = c.item WHERE c.id = ?"
    )
    rows = connection.executemany(ask, ((it,) for it in chunks))
    return {
        chunk: f"[{date_label(ts, zone)}] {_spoken(speaker, text)}"
        for chunk, text, speaker, ts in rows
    }


def rebuild_words(connection: Connection, zone: tzinfo | None) -> None:
    """Make the index of words anew from all items that are not hidden."""
    create_words(connection)
    last = 0
    ask = "SELECT n FROM items WHERE n > ? AND hidden IS NULL ORDER BY n LIMIT ?"
    while numbers := [n for (n,) in connection.execute(ask, (last, _REBUILD_ITEMS))]:
        _add(connection, numbers, zone)
        last = numbers[-1]


def _add(connection: Connection, numbers: Sequence[int], zone: tzinfo | None) -> None:
    ask = "SELECT n, text, speaker, session, ts FROM items WHERE n = ? AND hidden IS NULL"
    items = [_Item(*row) for row in connection.executemany(ask, ((n,) for n in numbers))]
    add_words(connection, (entry for it in items for entry in _entries(connection, it, zone)))


def _entries(connection: Connection, item: _Item, zone: tzinfo | None) -> Iterable[Entry]:
    before, after = _beside(connection, item)
    places: list[Any] = connection.execute(
        "SELECT id, start, stop FROM chunks WHERE item = ? ORDER BY id", (item.n,)
    ).fetchall()
    texts = [item.text[start:stop] for _, start, stop in places]
    around = [before, *texts, after]
    day = date_words(item.ts, zone)
    for at, (chunk, _, _) in enumerate(places):
        near = f"{last_words(around[at])} {first_words(around[at + 2])}"
        yield Entry(chunk, _spoken(item.speaker, texts[at]), near, day)


def _beside(connection: Connection, item: _Item) -> tuple[str, str]:
    """Return the end of the turn before an item, and the beginning of the one after it."""
    if not item.session:
        return "", ""
    before: list[Any] = connection.execute(
        f"SELECT substr(text, -{_ENDS}), speaker, ts FROM items "
        "WHERE session = ? AND session <> '' AND hidden IS NULL AND n < ? ORDER BY n DESC LIMIT 1",
        (item.session, item.n),
    ).fetchall()
    after: list[Any] = connection.execute(
        f"SELECT substr(text, 1, {_ENDS}), speaker, ts FROM items "
        "WHERE session = ? AND session <> '' AND hidden IS NULL AND n > ? ORDER BY n LIMIT 1",
        (item.session, item.n),
    ).fetchall()
    return tuple(
        _spoken(found[0][1], found[0][0]) if found and abs(found[0][2] - item.ts) <= _GAP_S else ""
        for found in (before, after)
    )  # type: ignore[return-value]


def _around(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Return the turns right before and right after items."""
    found: set[int] = set()
    for side, order in (("<", "DESC"), (">", "ASC")):
        ask = (
            "SELECT o.n FROM items i JOIN items o ON o.session = i.session AND o.session <> '' "
            f"AND o.hidden IS NULL AND o.n {side} i.n WHERE i.n = ? AND i.session <> '' "
            f"ORDER BY o.n {order} LIMIT 1"
        )
        found.update(n for (n,) in connection.executemany(ask, ((n,) for n in numbers)))
    return found


def _spoken(speaker: str, text: str) -> str:
    return f"{speaker}: {text}" if speaker else text
