"""A real daemon with its gateway on free ports, and requests to it: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket

from ruster.app import Daemon
from ruster.core.clock import Clock
from ruster.core.ports import Provider
from ruster.testing import RawClient, running_daemon

__all__ = ["Opened", "Reply", "heard", "opened", "read_reply"]


@dataclass
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """A header's value."""
        return next((value for own, value in self.headers if own == name), None)

    @property
    def code(self) -> str:
        """The code of an error."""
        code: str = json.loads(self.body)["error"]["code"]
        return code


@dataclass
class Opened:
    """A gateway that listens, and the daemon's socket behind it."""

    daemon: Daemon
    socket: Path
    host: str
    port: int
    ws_port: int

    async def command(self, action: str, **fields: Any) -> dict[str, Any]:
        """Ask the daemon over its own socket."""
        async with RawClient(self.socket) as client:
            return await client.ask({"action": action, **fields})

    async def token(self, **fields: Any) -> str:
        """Make a token; return its text."""
        made = await self.command("gateway_token_add", label="test", **fields)
        text: str = made["token"]
        return text

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection(self.host, self.port, limit=1 << 22)

    async def raw(self, request: bytes) -> Reply:
        """Send bytes and read one answer."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_reply(reader, bodiless=request.startswith(b"HEAD "))
        finally:
            writer.close()

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        token: str | None = None,
        body: bytes | None = None,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request as a program would."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'{self.host}:{self.port}'}"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def socket_to(
        self,
        token: str | None = None,
        *,
        path: str = "/ws",
        port: int | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> open_socket:
        """Open a WebSocket, as an asynchronous context."""
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        return open_socket(
            f"ws://{self.host}:{port or self.port}{path}",
            additional_headers={**shown, **(headers or {})},
            proxy=None,
            **options,
        )


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    providers: Mapping[str, Provider] | None = None,
    clock: Clock | None = None,
    **settings: str,
) -> AsyncIterator[Opened]:
    """Run a daemon whose gateway listens; ``settings`` are those of ``[gateway]``."""
    own = {
        "gateway_enabled": "true",
        "gateway_addr": "127.0.0.1:0",
        "gateway_ws_addr": "127.0.0.1:0",
        **{f"gateway_{name}": value for name, value in settings.items()},
    }
    async with running_daemon(folder, disk=None, providers=providers, clock=clock, **own) as daemon:
        gateway = await daemon.gateway.running()
        host, _, port = gateway.url.rpartition("//")[2].rpartition(":")
        ws_port = gateway.socket_url.rpartition(":")[2]
        yield Opened(daemon, folder / "r.sock", host, int(port), int(ws_port))


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    """Read one answer, its body as its framing says."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.strip().split("\r\n")
    pairs = [line.partition(":") for line in lines]
    reply = Reply(
        int(status.split()[1]), [(name.lower(), value.strip()) for name, _, value in pairs]
    )
    length = reply.header("content-length")
    if bodiless:
        return reply
    if length is not None:
        reply.body = await reader.readexactly(int(length))
    elif reply.status not in (101, 304):
        reply.body = await reader.read()
    return reply


async def heard(socket: ClientConnection, **wanted: Any) -> dict[str, Any]:
    """Read messages until one has these fields."""
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if all(event.get(name) == value for name, value in wanted.items()):
            return event
