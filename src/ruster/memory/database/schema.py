"""The tables of a memory, by version. A file of a later version is refused, never changed.

What can be made again has its tables elsewhere: the index of words and the vectors' own indexes.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.core.errors import MemoryError
from ruster.memory.database.subject import MEMORY
from ruster.storage.sqlite import migration

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["VERSION", "check_file", "migrate"]

_FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE items(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    layer INTEGER NOT NULL,
    kind TEXT NOT NULL,
    tags TEXT NOT NULL,
    project TEXT NOT NULL,
    session TEXT NOT NULL,
    speaker TEXT NOT NULL,
    ts REAL NOT NULL,
    last_used REAL,
    uses INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    score REAL NOT NULL,
    slot TEXT NOT NULL,
    valid_from REAL,
    valid_to REAL,
    expires REAL,
    superseded_by TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL,
    origins TEXT NOT NULL,
    metadata TEXT NOT NULL,
    digest BLOB,
    hidden REAL,
    parts INTEGER NOT NULL
) STRICT;
CREATE INDEX items_by_age ON items(layer, ts) WHERE hidden IS NULL;
CREATE INDEX items_by_session ON items(session, n) WHERE session <> '' AND hidden IS NULL;
CREATE INDEX items_by_digest ON items(digest) WHERE digest IS NOT NULL;
CREATE INDEX items_by_slot ON items(slot) WHERE slot <> '';
CREATE INDEX items_by_successor ON items(superseded_by) WHERE superseded_by <> '';
CREATE INDEX items_by_hidden ON items(hidden) WHERE hidden IS NOT NULL;
CREATE INDEX items_by_expiry ON items(expires) WHERE expires IS NOT NULL;
CREATE TABLE chunks(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL
) STRICT;
CREATE INDEX chunks_by_item ON chunks(item);
CREATE TABLE pending(chunk INTEGER PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE generations(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL DEFAULT 0,
    exact INTEGER NOT NULL DEFAULT 1,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE changes(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    generation INTEGER NOT NULL,
    chunk INTEGER NOT NULL
) STRICT;
CREATE TABLE derived(
    summary TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY(summary, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX derived_by_source ON derived(source);
CREATE TABLE facts(
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    since REAL NOT NULL,
    origins TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE fact_history(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL NOT NULL,
    origins TEXT NOT NULL
) STRICT;
CREATE INDEX fact_history_by_key ON fact_history(key);
CREATE TABLE memory_log(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    ts REAL NOT NULL,
    batch INTEGER NOT NULL,
    action TEXT NOT NULL,
    rule TEXT NOT NULL,
    item TEXT NOT NULL,
    from_layer INTEGER,
    to_layer INTEGER,
    made TEXT NOT NULL DEFAULT '',
    undone REAL
) STRICT;
CREATE INDEX memory_log_by_item ON memory_log(item);
CREATE INDEX memory_log_by_batch ON memory_log(batch);
"""

# Added second: the pieces of documents are looked up by where they come from.
_DOCUMENTS = "CREATE INDEX items_by_document ON items(source) WHERE kind = 'document'"

_STEPS = (_FIRST, _DOCUMENTS)
VERSION = len(_STEPS)


def migrate(connection: Connection) -> None:
    """Bring a file to the present version, each step whole or not at all; raises MemoryError."""
    migration.migrate(connection, _STEPS, MEMORY)


def check_file(path: Path) -> None:
    """Look whether a copy of a memory is whole (blocks).

    Raises MemoryError (``memory_corrupt``, ``memory_too_new``), StorageError.
    """
    from ruster.memory.database.native import open_copy, translated

    with translated(path), closing(open_copy(path)) as connection:
        wrong = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        ask = "SELECT 1 FROM sqlite_schema WHERE name = 'items'"
        if wrong != ["ok"] or connection.execute(ask).fetchone() is None:
            raise MemoryError("the copy is damaged, or no memory", code="memory_corrupt")
        migration.check_version(int(connection.pragma("user_version")), VERSION, MEMORY)
