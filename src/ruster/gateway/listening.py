"""An ASGI application on a TCP address: the one place that imports the HTTP server.

Signals, logs and the socket are ours: the server gets a bound socket and a word to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

from ruster.core.errors import ConfigError, RusterError
from ruster.core.tasks import spawn

__all__ = ["Address", "bind", "listening", "parse_address"]

_HEAD_BYTES = 64 * 1024
_IDLE_S = 30
_BACKLOG = 256

Address = tuple[str, int]
"""A host and a port; port 0 lets the system choose."""


def parse_address(text: str) -> Address:
    """Read ``host:port``, with brackets around an IPv6 address; raises ConfigError."""
    host, colon, port = text.rpartition(":")
    name = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    plain = ":" not in host or host.startswith("[")
    if not (colon and name and plain and port.isascii() and port.isdecimal() and len(port) <= 5):
        raise ConfigError(f"{text!r} is no address: write it as host:port, such as 127.0.0.1:8080")
    if int(port) > 65535:
        raise ConfigError(f"{text!r} is no address: ports end at 65535")
    return name, int(port)


def bind(address: Address, remedy: str = "choose another with --addr") -> socket.socket:
    """Take an address; raises RusterError (``socket_taken``) with what to do."""
    host, port = address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        # Named as TCP, so that what is accepted here sends without waiting for more.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(where)
            bound.listen(_BACKLOG)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise RusterError(
            f"cannot listen on {host}:{port} ({error.strerror}): {remedy}",
            code="socket_taken",
        ) from error
    return bound


@asynccontextmanager
async def listening(
    app: Callable[..., Awaitable[None]],
    bound: socket.socket,
    *,
    max_connections: int,
    patience_s: float,
) -> AsyncIterator[None]:
    """Serve ``app`` while entered; leaving gives running requests ``patience_s`` to end.

    Raises ConfigError that names the extra when the HTTP server is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError(
            "the HTTP server is not installed: pip install 'ruster[gateway]'"
        ) from error

    class Server(uvicorn.Server):
        """Leaves signals to us."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # we tell of every request ourselves
    server = Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            limit_concurrency=max_connections,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=math.ceil(patience_s),
        )
    )
    serving = spawn(server.serve([bound]), name="serve HTTP", log_failure=False)
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait((serving,))
        bound.close()
    serving.result()
