"""The listening socket: taken only if nobody else has it, removed only if it is still ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ruster.protocol.intake import Dispatch
from ruster.protocol.socket_path import listen_at
from ruster.server.connection import Connection, ConnectionParts
from ruster.server.hangup import HangupWatch
from ruster.server.quota import Quota
from ruster.server.settings import ServerSettings

__all__ = ["Listener"]


class Listener:
    """Accepts clients on one UNIX socket."""

    def __init__(
        self,
        path: Path,
        settings: ServerSettings,
        dispatch: Dispatch[Connection],
        daemon_uid: int,
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
        settings = self._settings
        sock = listen_at(self.path, mode=settings.socket_mode, backlog=settings.backlog)
        status = self.path.lstat()
        self._inode = (status.st_dev, status.st_ino)
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(self._parts), sock=sock, backlog=settings.backlog
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
