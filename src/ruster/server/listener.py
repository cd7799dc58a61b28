"""The listening socket: taken only if nobody else has it, removed only if it is still ours."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from ruster.core.errors import RusterError
from ruster.server.connection import Connection, ConnectionParts, Dispatch
from ruster.server.hangup import HangupWatch
from ruster.server.quota import Quota
from ruster.server.settings import ServerSettings

__all__ = ["Listener", "SocketTaken"]

_log = structlog.stdlib.get_logger("ruster.server")
_MAX_PATH_BYTES = 107
_PROBE_TIMEOUT_S = 1.0


class SocketTaken(RusterError):
    """The socket's path cannot be used."""

    default_code = "socket_taken"


class Listener:
    """Accepts clients on one UNIX socket."""

    def __init__(
        self, path: Path, settings: ServerSettings, dispatch: Dispatch, daemon_uid: int
    ) -> None:
        self.path = path
        self._settings = settings
        self._quota = Quota(settings)
        self._open: set[Connection] = set()
        self._hangups = HangupWatch()
        self._server: asyncio.AbstractServer | None = None
        self._inode: tuple[int, int] | None = None
        self._parts = ConnectionParts(
            settings=settings,
            quota=self._quota,
            dispatch=dispatch,
            privileged=frozenset({daemon_uid, 0}),
            hangups=self._hangups,
            opened=self._open.add,
            closed=self._open.discard,
        )

    @property
    def connections(self) -> int:
        """Open connections of all users."""
        return self._quota.connections

    async def start(self) -> None:
        """Take the path and listen; raises SocketTaken."""
        sock = _bind(self.path, self._settings)
        status = self.path.lstat()
        self._inode = (status.st_dev, status.st_ino)
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(self._parts), sock=sock, backlog=self._settings.backlog
        )

    def stop_accepting(self) -> None:
        """Take no more clients and remove the socket; those connected stay."""
        if self._server is not None:
            self._server.close()
            self._remove()

    async def aclose(self) -> None:
        """Send every client what waits for it, then close."""
        self.stop_accepting()
        for connection in tuple(self._open):
            connection.finish()
        await asyncio.sleep(0)
        self._hangups.close()

    def broadcast(self, line: bytes) -> None:
        """Tell every client."""
        for connection in tuple(self._open):
            connection.deliver(line)

    def _remove(self) -> None:
        """Remove the socket unless somebody has put another one in its place."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        if (status.st_dev, status.st_ino) == self._inode:
            self.path.unlink(missing_ok=True)


def _bind(path: Path, settings: ServerSettings) -> socket.socket:
    """Make the listening socket at ``path``; raises SocketTaken with what to do about it.

    One starting daemon at a time looks at a path, so that none takes the socket another one has
    made a moment ago for a stale one.
    """
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise SocketTaken(
            f"the socket path has more than {_MAX_PATH_BYTES} bytes: {path}; set a shorter "
            "socket_path"
        )
    with _alone_in(path.parent):
        _clear_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(os.fspath(path))
            path.chmod(settings.socket_mode)
            sock.setblocking(False)
            sock.listen(settings.backlog)
        except OSError as error:
            sock.close()
            raise SocketTaken(f"cannot make the socket {path}: {error.strerror}") from error
    return sock


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; raises SocketTaken if another program holds it."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SocketTaken(f"cannot open the folder {folder}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    _log.info("stale socket removed", path=str(path))
    path.unlink(missing_ok=True)


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True
