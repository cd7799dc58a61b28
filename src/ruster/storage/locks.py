"""Locks between processes: the daemon's own on its data folder, and short ones around a change."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ruster.core.errors import StorageError
from ruster.storage.disk import storage_error

__all__ = ["InstanceLock", "exclusive"]


class InstanceLock:
    """An advisory ``flock`` on a file that holds the owner's process id.

    The kernel drops it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock or raise StorageError (``already_running``) naming the holder."""
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise storage_error(error, f"open the lock file {path}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StorageError(
                f"ruster is already running on {path.parent} (process {holder}); "
                "stop it first, or set RUSTER_DATA_DIR for a second one",
                code="already_running",
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes hold it."""
        os.close(self._fd)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a ``flock`` on the file ``path``, waiting for it (blocks); raises StorageError.

    For changes that take milliseconds. The file stays: removing it would let two processes in.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise storage_error(error, f"open the lock file {path}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
