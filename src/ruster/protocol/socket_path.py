"""Listening on a path: taken only if nobody else has it, whatever a dead program has left there."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ruster.core.errors import RusterError

__all__ = ["MAX_PATH_BYTES", "SocketTaken", "listen_at"]

_log = logging.getLogger("ruster.server")
MAX_PATH_BYTES = 107
"""Bytes of a UNIX socket's path: unix(7)."""
_PROBE_TIMEOUT_S = 1.0


class SocketTaken(RusterError):
    """The socket's path cannot be used."""

    default_code = "socket_taken"


def listen_at(path: Path, *, mode: int, backlog: int, wait: bool = False) -> socket.socket:
    """Make the listening socket at ``path``; raises SocketTaken with what to do about it.

    One starting program at a time looks at a folder, so that none takes the socket another one has
    made a moment ago for a stale one; with ``wait`` (blocks) it waits for its turn.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise SocketTaken(
            f"the socket path has more than {MAX_PATH_BYTES} bytes: {path}; set a shorter "
            "socket_path"
        )
    with _alone_in(path.parent, wait=wait):
        _clear_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(os.fspath(path))
            path.chmod(mode)
            sock.setblocking(False)
            sock.listen(backlog)
        except OSError as error:
            sock.close()
            raise SocketTaken(f"cannot make the socket {path}: {error.strerror}") from error
    return sock


@contextmanager
def _alone_in(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock on a folder; raises SocketTaken if another program holds it."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SocketTaken(f"cannot open the folder {folder}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError:
        raise SocketTaken(
            f"another program is starting in {folder} at this moment; try again"
        ) from None
    finally:
        os.close(fd)


def _clear_stale(path: Path) -> None:
    """Remove a socket that nobody listens on; raises SocketTaken for anything else there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SocketTaken(f"cannot look at {path}: {error.strerror}") from error
    if not stat.S_ISSOCK(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a socket"
        raise SocketTaken(f"{path} is {kind}; remove it or set another socket_path")
    if status.st_uid != os.geteuid():
        raise SocketTaken(
            f"{path} belongs to another user (uid {status.st_uid}); set another socket_path"
        )
    if _somebody_listens(path):
        raise SocketTaken(f"another program listens on {path}; stop it or set another socket_path")
    _log.info("stale socket removed: %s", path)
    path.unlink(missing_ok=True)


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True
