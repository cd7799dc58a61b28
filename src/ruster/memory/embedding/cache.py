"""Vectors kept on the disk, so that the same text is not computed twice.

The file holds nothing that cannot be computed again: damaged, it is made anew, and its failures
are told to the log only. Texts are known by their digests.
"""

from __future__ import annotations

import logging
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

from ruster.core.errors import StorageError
from ruster.core.memory import DIMENSIONS
from ruster.storage.files import make_private_folder

__all__ = ["EmbeddingCache"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors(
    key BLOB PRIMARY KEY, vector BLOB NOT NULL, used INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS vectors_by_use ON vectors(used);
"""
_BUSY_MS = 2000
_SLACK = 10
"""One in so many entries is dropped at a time, once the bound is exceeded."""
_AFTER_ALL = b"\xff" * 64
"""Follows every key that has the same beginning."""
_ResultT = TypeVar("_ResultT")
_log = logging.getLogger("ruster.memory")


class EmbeddingCache:
    """A bounded table of vectors by key; those unused longest are dropped. All methods block.

    Any thread may use it, and two processes may share the file.
    """

    def __init__(self, path: Path, max_entries: int = 50_000) -> None:
        self._path = path
        self._max = max_entries
        self._lock = threading.Lock()
        self._database: apsw.Connection | None = None
        self._uses = 0

    def get(self, keys: Sequence[bytes]) -> dict[bytes, list[float]]:
        """Return the vectors that are there."""

        def work(database: apsw.Connection) -> dict[bytes, list[float]]:
            found = {}
            ask = "UPDATE vectors SET used = ? WHERE key = ? RETURNING vector"
            for key in keys:
                for (stored,) in database.execute(ask, (self._uses, key)):
                    found[key] = array("f", stored).tolist()
            return {key: vector for key, vector in found.items() if len(vector) == DIMENSIONS}

        return self._do(work, {})

    def put(self, vectors: Mapping[bytes, Sequence[float]]) -> None:
        """Keep vectors, and drop old ones beyond the bound."""

        def work(database: apsw.Connection) -> None:
            rows = [(key, array("f", it).tobytes(), self._uses) for key, it in vectors.items()]
            database.executemany("INSERT OR REPLACE INTO vectors VALUES(?, ?, ?)", rows)
            self._shrink(database)

        self._do(work, None)

    def drop(self, beginnings: Iterable[bytes]) -> None:
        """Delete all vectors whose keys begin so, for good: nothing of them stays in the file."""

        def work(database: apsw.Connection) -> None:
            rows = [(start, start + _AFTER_ALL) for start in beginnings]
            database.executemany("DELETE FROM vectors WHERE key BETWEEN ? AND ?", rows)

        self._do(work, None)
        self._do(lambda database: database.pragma("wal_checkpoint", "TRUNCATE"), None, within=False)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._let_go()

    def _do(
        self,
        work: Callable[[apsw.Connection], _ResultT],
        otherwise: _ResultT,
        *,
        within: bool = True,
    ) -> _ResultT:
        """Work in a transaction (unless ``within`` is false); a failure is told to the log only."""
        with self._lock:
            try:
                database = self._open()
                self._uses += 1
                if not within:
                    return work(database)
                with database:
                    return work(database)
            except (apsw.CorruptError, apsw.NotADBError) as error:
                _log.warning("the cache of vectors is damaged and made anew: %s", error)
                self._let_go()
                self._delete()
            except (apsw.Error, StorageError, OSError) as error:
                _log.warning("the cache of vectors cannot be used: %s", error)
                self._let_go()
        return otherwise

    def _open(self) -> apsw.Connection:
        if self._database is None:
            make_private_folder(self._path.parent)
            self._path.touch(mode=0o600)
            database = apsw.Connection(str(self._path))
            try:
                database.set_busy_timeout(_BUSY_MS)
                database.pragma("journal_mode", "WAL")
                database.pragma("synchronous", "NORMAL")
                database.pragma("secure_delete", "ON")
                database.execute(_SCHEMA)
                self._uses = database.execute("SELECT ifnull(max(used), 0) FROM vectors").get
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _shrink(self, database: apsw.Connection) -> None:
        count = database.execute("SELECT count(*) FROM vectors").get
        if count > self._max:
            most = self._max - self._max // _SLACK
            database.execute(
                "DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used LIMIT ?)",
                (count - most,),
            )

    def _let_go(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _delete(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
