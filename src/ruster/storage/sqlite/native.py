"""Opening connections of apsw, and SQLite's errors as ours. Loads apsw when it is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ruster.core.errors import RusterError, StorageError
from ruster.storage.sqlite.subject import Subject

__all__ = ["BUSY_MS", "Connection", "Cursor", "open_connection", "translated"]

Connection = apsw.Connection
Cursor = apsw.Cursor
BUSY_MS = 10_000
_PAGE_BYTES = 4096
_CACHE_KIB = 1024


def open_connection(path: Path, subject: Subject, *, writes: bool) -> Connection:
    """Open (and, for writing, create) a database file of mode 0600; raises errors of the tree."""
    with translated(path, subject):
        if writes:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(BUSY_MS)
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


@contextmanager
def translated(path: Path, subject: Subject) -> Iterator[None]:
    """Turn the errors of apsw and of the file system into those of the tree."""
    try:
        yield
    except RusterError:
        raise
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise subject.error(
            f"the {subject.name} {path} is damaged ({error}); restore it from a backup, or move "
            "it away",
            code=f"{subject.name}_corrupt",
        ) from error
    except apsw.InterruptError as error:  # given up, or beside what was given up
        raise subject.error(
            "a search was interrupted", code=f"{subject.name}_busy", retryable=True
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise subject.error(
            f"the {subject.name} {path} is in use by another program; try again",
            code=f"{subject.name}_busy",
            retryable=True,
        ) from error
    except apsw.FullError as error:
        raise StorageError(f"no space is left for {path}", code="disk_full") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, PermissionError) as error:
        raise StorageError(
            f"cannot write the {subject.name} {path}: {error}", code="storage_read_only"
        ) from error
    except (apsw.IOError, OSError) as error:
        raise StorageError(f"cannot use the {subject.name} {path}: {error}") from error
    except apsw.Error as error:
        raise subject.error(f"the {subject.name} {path} refused: {error}") from error
