"""The one place that knows apsw and sqlite-vec: opening connections, and SQLite's errors as ours.

The extension is loaded from its file; its Python package is not imported, since that would bring
the interpreter's own SQLite along.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import apsw

from ruster.core.errors import MemoryError, RusterError, StorageError

__all__ = [
    "Connection",
    "copy_database",
    "load_vectors",
    "open_connection",
    "open_copy",
    "translated",
]

Connection = apsw.Connection
_PAGE_BYTES = 4096
_BUSY_MS = 10_000
_CACHE_KIB = 4096
_COPY_PAGES = 4096
_log = logging.getLogger("ruster.memory")


def open_connection(path: Path, *, writes: bool) -> Connection:
    """Open (and, for writing, create) a database file of mode 0600; raises MemoryError."""
    with translated(path):
        if writes:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(_BUSY_MS)
            _configure(connection, writes=writes)
        except BaseException:
            connection.close()
            raise
        return connection


def _configure(connection: Connection, *, writes: bool) -> None:
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("temp_store", 2)  # nothing of the content goes to temporary files
    if not writes:
        connection.pragma("query_only", True)
        return
    connection.pragma("page_size", _PAGE_BYTES)
    connection.pragma("auto_vacuum", 2)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", True)
    connection.pragma("wal_autocheckpoint", 1000)
    connection.pragma("journal_size_limit", 64 << 20)


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
        connection.set_busy_timeout(_BUSY_MS)
        load_vectors(connection)
        return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the errors of apsw and of the file system into those of the tree."""
    try:
        yield
    except RusterError:
        raise
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise MemoryError(
            f"the memory {path} is damaged ({error}); restore it from a backup, or move it away",
            code="memory_corrupt",
        ) from error
    except apsw.InterruptError as error:  # given up, or beside what was given up
        raise MemoryError("a search was interrupted", code="memory_busy", retryable=True) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise MemoryError(
            f"the memory {path} is in use by another program; try again",
            code="memory_busy",
            retryable=True,
        ) from error
    except apsw.FullError as error:
        raise StorageError(f"no space is left for {path}", code="disk_full") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, PermissionError) as error:
        raise StorageError(
            f"cannot write the memory {path}: {error}", code="storage_read_only"
        ) from error
    except (apsw.IOError, OSError) as error:
        raise StorageError(f"cannot use the memory {path}: {error}") from error
    except apsw.Error as error:
        raise MemoryError(f"the memory {path} refused: {error}") from error
