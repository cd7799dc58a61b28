"""Serves an ASGI application on bound sockets, in the daemon's own event loop.

Connections are the HTTP server's; accepting and stopping are ours, since its own loop wakes up ten
times a second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

from uvicorn.config import Config

from ruster.core.tasks import cancel_and_wait
from ruster.gateway.access.door import App
from ruster.gateway.front.crowd import Crowd
from ruster.gateway.front.protocols import FrontState, HttpConnection, SocketConnection
from ruster.gateway.settings import GatewaySettings

__all__ = ["Front"]


class Front:
    """One application on one address; ``crowd`` is shared with the other ones."""

    def __init__(self, app: App, settings: GatewaySettings, crowd: Crowd) -> None:
        logging.getLogger("uvicorn").setLevel(
            logging.CRITICAL
        )  # we tell of every request ourselves
        self._settings = settings
        self._state = FrontState(settings, crowd)
        self._config = Config(
            app,
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=settings.max_message_bytes,
            ws_ping_interval=settings.ping_interval_s,
            ws_ping_timeout=settings.ping_interval_s,
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=settings.max_head_bytes,
            timeout_keep_alive=int(max(1, settings.idle_timeout_s)),
        )
        self._config.load()
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve on a socket."""
        handshake_s = None if tls is None else self._settings.head_timeout_s
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HttpConnection(self._config, self._state, {}),
            sock=bound,
            ssl=tls,
            ssl_handshake_timeout=handshake_s,
        )

    def stop_accepting(self) -> None:
        """Take no more connections; those that have a request under way go on."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._state.connections):
            if isinstance(connection, HttpConnection):
                connection.shutdown()

    async def drain(self, patience_s: float) -> None:
        """Let answers under way finish, WebSockets apart."""
        if self._state.tasks:
            await asyncio.wait(tuple(self._state.tasks), timeout=patience_s)

    async def aclose(self) -> None:
        """End what is still there."""
        self.stop_accepting()
        for connection in tuple(self._state.connections):
            if isinstance(connection, SocketConnection):
                connection.shutdown()
        await asyncio.sleep(0)
        await cancel_and_wait(*self._state.tasks, *self._state.socket_tasks)
        for connection in tuple(self._state.connections):
            if isinstance(connection, HttpConnection | SocketConnection):
                connection.cut()
