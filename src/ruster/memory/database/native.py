"""What a memory needs of apsw and sqlite-vec beyond ``storage.sqlite``: vectors, and copies.

The extension is loaded from its file; its Python package is not imported, since that would bring
the interpreter's own SQLite along.
"""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager, closing
from importlib.util import find_spec
from pathlib import Path

import apsw

from ruster.memory.database.subject import MEMORY
from ruster.storage.sqlite import native

__all__ = [
    "Connection",
    "copy_database",
    "load_vectors",
    "open_connection",
    "open_copy",
    "translated",
]

Connection = native.Connection
_COPY_PAGES = 4096
_log = logging.getLogger("ruster.memory")


def open_connection(path: Path, *, writes: bool) -> Connection:
    """Open (and, for writing, create) a memory's file; raises MemoryError, StorageError."""
    return native.open_connection(path, MEMORY, writes=writes)


def load_vectors(connection: Connection) -> bool:
    """Load sqlite-vec; False when it is missing or does not fit this machine."""
    spec = find_spec("sqlite_vec")
    if spec is None or not spec.submodule_search_locations:
        return False
    path = Path(spec.submodule_search_locations[0]) / "vec0"
    try:
        connection.enable_load_extension(True)
        connection.load_extension(str(path))
    except apsw.Error as error:
        _log.warning("sqlite-vec cannot be loaded: %s", error)
        return False
    finally:
        connection.enable_load_extension(False)
    return True


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be in use, as it is at this moment (blocks).

    What was at ``target`` goes. Raises MemoryError, StorageError.
    """
    with translated(source), closing(open_copy(source)) as old:
        target.unlink(missing_ok=True)
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(apsw.Connection(str(target))) as new:
            old.execute("BEGIN; SELECT 1 FROM sqlite_schema")  # a snapshot to the end
            with new.backup("main", old, "main") as copy:
                while not copy.done:
                    copy.step(_COPY_PAGES)
            old.execute("ROLLBACK")
            new.pragma("journal_mode", "delete")  # one file, without a log beside it


def open_copy(path: Path) -> Connection:
    """Open a database that is only read; raises MemoryError, StorageError."""
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(native.BUSY_MS)
        load_vectors(connection)
        return connection


def translated(path: Path) -> AbstractContextManager[None]:
    """Turn the errors of apsw and of the file system into those of the tree."""
    return native.translated(path, MEMORY)
