"""The few system calls durability rests on, as one object, so that tests can cut the power.

Third-party errors end here: every ``OSError`` becomes a ``StorageError``.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ruster.core.errors import StorageError

__all__ = ["Disk", "storage_error"]

_CODES = {
    errno.ENOSPC: ("disk_full", "no space is left on the disk; free some and try again"),
    errno.EDQUOT: ("disk_full", "the disk quota is used up; free some space and try again"),
    errno.EROFS: ("storage_read_only", "the file system is read-only"),
    errno.EACCES: ("storage_read_only", "the folder may not be written"),
    errno.EPERM: ("storage_read_only", "the folder may not be written"),
    errno.EMFILE: ("storage_failed", "too many files are open; close some sessions"),
}


def storage_error(error: OSError, what: str) -> StorageError:
    """Translate ``error``, met while doing ``what``, into one sentence with a stable code."""
    default = ("storage_failed", os.strerror(error.errno) if error.errno else str(error))
    code, reason = _CODES.get(error.errno or 0, default)
    return StorageError(f"cannot {what}: {reason}", code=code, retryable=True)


class Disk:
    """The machine's disk."""

    def open_append(self, path: Path) -> int:
        """Open ``path`` for appending, creating it for its owner only; return the descriptor."""
        try:
            return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, f"open {path}") from error

    def append(self, fd: int, data: bytes, size: int) -> None:
        """Write all of ``data`` at the end of a file of ``size`` bytes, or leave it as it was.

        If even that fails, part of ``data`` stays in the file.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(fd, size)
            raise storage_error(error, "write to the data folder") from error

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file to ``size`` bytes."""
        try:
            os.ftruncate(fd, size)
        except OSError as error:
            raise storage_error(error, "repair a journal") from error

    def sync(self, fd: int) -> None:
        """Return once everything written to ``fd`` is on the disk (blocks; call from a thread)."""
        try:
            _datasync(fd)
        except OSError as error:
            raise storage_error(error, "flush to the disk") from error

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable (blocks)."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise storage_error(error, f"flush the folder {path}") from error


_datasync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
