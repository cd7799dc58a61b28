"""An HTTP server on a real TCP socket for fakes of providers: exact bytes, faults on demand."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from ruster.core.tasks import cancel_and_wait, spawn

__all__ = [
    "Close",
    "FakeHttp",
    "Fault",
    "Hang",
    "Pause",
    "Recorded",
    "Reset",
    "Step",
    "refused_url",
]


@dataclass(frozen=True)
class Recorded:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Pause:
    """Wait, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Say nothing more until the client goes away."""


@dataclass(frozen=True)
class Close:
    """Close the connection in the middle of things."""


@dataclass(frozen=True)
class Reset:
    """Abort the connection with a TCP reset, as a killed server does."""


Step = bytes | Pause | Hang | Close | Reset
Fault = Callable[[Sequence[bytes]], Iterable[Step]]


class FakeHttp:
    """``async with Fake() as server:`` listens at ``server.url``; a fake answers in ``respond``.

    It listens on ``host`` and ``port`` (0 for any), with TLS where ``tls`` is set. ``split_at``
    holds the offsets, counted in bytes of a response, at which it is handed to the network in
    separate writes (None: after every byte).
    """

    def __init__(self) -> None:
        self.split_at: frozenset[int] | None = frozenset()
        self.requests: list[Recorded] = []
        self.disconnected = asyncio.Event()
        self.url = ""
        self.host = "127.0.0.1"
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    def respond(self, request: Recorded) -> Iterable[Step]:
        """Return what to send for a request."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://{self.host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self.wait_closed()
        await self._server.wait_closed()

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        return len(self._writers)

    async def wait_closed(self) -> None:
        """Wait until no client holds a connection."""
        await self._all_closed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._all_closed.clear()
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                if not await _Reply(self, reader, writer).send(self.respond(request)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._writers.discard(writer)
            if not self._writers:
                self._all_closed.set()


class _Reply:
    """Sends one response step by step, and notices when the client goes away meanwhile."""

    def __init__(
        self, server: FakeHttp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._offset = 0

    async def send(self, steps: Iterable[Step]) -> bool:
        """Run the steps; return whether the connection may take another request."""
        gone = spawn(self._reader.read(1), name="fake server: client gone")
        try:
            for step in steps:
                if not await self._step(step, gone):
                    return False
        finally:
            await cancel_and_wait(gone)
        return True

    async def _step(self, step: Step, gone: asyncio.Task[bytes]) -> bool:
        if isinstance(step, bytes):
            await self._write(step)
        elif isinstance(step, Close):
            return False
        elif isinstance(step, Reset):
            self._reset()
            return False
        else:
            wait_s = step.seconds if isinstance(step, Pause) else None
            await asyncio.wait([gone], timeout=wait_s)
        if gone.done():
            self._server.disconnected.set()
        return not gone.done()

    async def _write(self, data: bytes) -> None:
        splits = self._server.split_at
        offsets = range(1, len(data)) if splits is None else self._inside(splits, len(data))
        start = 0
        for end in [*offsets, len(data)]:
            self._writer.write(data[start:end])
            await self._writer.drain()
            if end < len(data):
                await _let_the_client_read()
            start = end
        self._offset += len(data)

    def _inside(self, splits: frozenset[int], length: int) -> list[int]:
        return sorted(at - self._offset for at in splits if 0 < at - self._offset < length)

    def _reset(self) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def refused_url() -> str:
    """Return the address of a port of this machine where nobody listens."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def _let_the_client_read() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def _read_request(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    request_line, *rest = head.strip().split("\r\n")
    method, path, _ = request_line.split(" ")
    pairs = (line.partition(":") for line in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Recorded(method, path, headers, body)
