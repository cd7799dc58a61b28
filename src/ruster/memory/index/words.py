"""The index of words: FTS5 over chunks, with what stands around each and with its date.

The index holds no text of its own. Chinese, Japanese and Korean go in as pairs of characters, since
there FTS5 would take a whole run of them for one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ruster.memory.database.virtual import drop_virtual

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = [
    "WORDS",
    "Entry",
    "add_words",
    "create_words",
    "date_label",
    "date_words",
    "day_word",
    "merge_words",
    "month_word",
    "optimize_words",
    "paired",
    "remove_words",
]

WORDS = "words"
"""The table; its columns: the chunk itself, what is near it, its date."""
_MERGED_PAGES = 2000
_PAIRS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
_CREATE = (
    f"CREATE VIRTUAL TABLE {WORDS} USING fts5(self, near, day, content='', contentless_delete=1, "
    "tokenize='porter unicode61 remove_diacritics 2')"
)


class Entry(NamedTuple):
    """A chunk as the index takes it."""

    chunk: int
    text: str
    near: str
    day: str


def create_words(connection: Connection) -> None:
    """Make the index anew, empty."""
    drop_virtual(connection, WORDS)
    connection.execute(_CREATE)


def add_words(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add chunks, or replace what the index has of them."""
    connection.executemany(
        f"INSERT OR REPLACE INTO {WORDS}(rowid, self, near, day) VALUES(?, ?, ?, ?)",
        ((it.chunk, paired(it.text), paired(it.near), it.day) for it in entries),
    )


def remove_words(connection: Connection, chunks: Iterable[int]) -> None:
    """Take chunks out; their words stay in the file until ``optimize_words``."""
    connection.executemany(f"DELETE FROM {WORDS} WHERE rowid = ?", ((it,) for it in chunks))


def optimize_words(connection: Connection) -> None:
    """Write the index anew, without what was taken out."""
    connection.execute(f"INSERT INTO {WORDS}({WORDS}) VALUES('optimize')")


def merge_words(connection: Connection) -> None:
    """Bring the parts of the index together, at a bounded cost."""
    connection.execute(f"INSERT INTO {WORDS}({WORDS}, rank) VALUES('merge', {_MERGED_PAGES})")


def paired(text: str) -> str:
    """Return a text with runs of Chinese, Japanese and Korean as pairs of characters."""
    if text.isascii():
        return text
    return _PAIRS.sub(lambda run: f" {' '.join(map(''.join, pairwise(run[0])))} ", text)


def date_words(timestamp: float, zone: tzinfo | None) -> str:
    """Return the words a date is found by: year, month, weekday, and one word for day and month."""
    day = datetime.fromtimestamp(timestamp, zone)
    return f"{day:%Y %B %A} {day.day} {day_word(day)} {month_word(day)}"


def date_label(timestamp: float, zone: tzinfo | None) -> str:
    """Return a date as a sentence has it."""
    day = datetime.fromtimestamp(timestamp, zone)
    return f"{day.day} {day:%B %Y}"


def day_word(day: datetime) -> str:
    """Return the one word for a day."""
    return f"d{day:%Y%m%d}"


def month_word(day: datetime) -> str:
    """Return the one word for a month."""
    return f"m{day:%Y%m}"
