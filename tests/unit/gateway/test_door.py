"""The door around an application of the test's own, on a real port; each guard with its control:
the same request where that guard is off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ruster.core.clock import SystemClock
from ruster.gateway.access.answering import Send
from ruster.gateway.access.door import Check, Door, DoorParts, Scope
from ruster.gateway.access.head import Head, check_framing
from ruster.gateway.access.hosts import Hosts
from ruster.gateway.access.proof import Cookie
from ruster.gateway.access.tokens import TokenBook
from ruster.gateway.front.crowd import Crowd
from ruster.gateway.front.server import Front
from ruster.gateway.incoming import Receive
from ruster.gateway.listening import bind
from ruster.gateway.settings import GatewaySettings
from ruster.storage.disk import Disk
from tests.e2e.gateway import Reply, read_reply

HOSTS = Hosts(allowed=(), local=True, ports=(1,))


def check_head(head: Head) -> None:
    check_framing(head, 16_384, 100)


CHECKS: dict[str, Check] = {
    "framing": check_head,
    "host": HOSTS.check_host,
    "origin": HOSTS.check_origin,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was sent; at ``/stream`` without an end, at ``/fail`` not at all."""
    if scope["path"] == "/fail":
        raise ValueError("the secret reason")
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.01)
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Guarded:
    """An application behind the door."""

    port: int
    tokens: TokenBook
    token_id: str
    token: str
    crowd: Crowd

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def raw(self, request: str, body: bytes = b"") -> Reply:
        """Send a request; ``TOKEN`` stands for the token."""
        reader, writer = await self.connect()
        try:
            writer.write(request.replace("TOKEN", self.token).encode() + body)
            async with asyncio.timeout(20):
                return await read_reply(reader)
        finally:
            writer.close()


@asynccontextmanager
async def guarded(
    folder: Path,
    checks: Sequence[Check] = tuple(CHECKS.values()),
    *,
    public: bool = False,
    **settings: Any,
) -> AsyncIterator[Guarded]:
    """Serve ``app`` behind the door with these checks."""
    own, clock = GatewaySettings(**settings), SystemClock()
    tokens = TokenBook(folder / "tokens.json", Disk(), clock)
    tokens.open()
    token, text = await tokens.add(7, "test")
    parts = DoorParts(
        settings=own,
        checks=checks,
        is_public=lambda head: public,
        tokens=tokens,
        cookie=Cookie(1, secure=False),
        privileged=frozenset(),
        clock=clock,
    )
    crowd = Crowd(own.max_connections, own.max_connections_per_address)
    front = Front(Door(app, parts), own, crowd)
    bound = bind(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    await front.start(bound, None)
    try:
        yield Guarded(port, tokens, token.id, text, crowd)
    finally:
        await front.aclose()


GET = "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
POST = GET.replace("GET", "POST", 1)


@pytest.mark.parametrize(
    ("guard", "request_", "status"),
    [
        ("framing", GET + "X-A: a\r\n" * 101 + "\r\n", 431),
        ("framing", POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("host", GET.replace("localhost", "evil.example") + "\r\n", 421),
        ("origin", POST + "Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n", 403),
        ("origin", POST + "Origin: null\r\nContent-Length: 0\r\n\r\n", 403),
        ("origin", GET + "Sec-Fetch-Site: cross-site\r\n\r\n", 403),
    ],
)
async def test_each_check_alone_keeps_its_attack_out(
    folder: Path, guard: str, request_: str, status: int
) -> None:
    async with guarded(folder) as door:
        assert (await door.raw(request_)).status == status
    others = [check for name, check in CHECKS.items() if name != guard]
    async with guarded(folder, others) as door:
        assert (await door.raw(request_)).status == 200  # the control


async def test_the_token_alone_lets_in(folder: Path) -> None:
    without = GET.replace("Authorization: Bearer TOKEN\r\n", "") + "\r\n"
    async with guarded(folder) as door:
        assert (await door.raw(without)).status == 401
        assert (await door.raw(GET + "\r\n")).status == 200
    async with guarded(folder, public=True) as door:
        assert (await door.raw(without)).status == 200


async def test_a_body_that_comes_too_slowly_is_refused(folder: Path) -> None:
    async def drip(door: Guarded) -> Reply:
        reader, writer = await door.connect()
        head = (POST + "Content-Length: 8\r\n\r\n").replace("TOKEN", door.token)
        writer.write(head.encode())
        answer = asyncio.ensure_future(read_reply(reader))
        for _ in range(8):
            if answer.done():
                break
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.1)
        async with asyncio.timeout(20):
            reply = await answer
        writer.close()
        return reply

    async with guarded(folder, body_timeout_s=0.3) as door:
        reply = await drip(door)
        assert (reply.status, reply.code) == (408, "request_timeout")
        assert reply.header("connection") == "close"
    async with guarded(folder, body_timeout_s=60) as door:
        assert (await drip(door)).body == b"x" * 8


async def test_a_chunked_body_is_bounded(folder: Path) -> None:
    chunks = b"400\r\n" + b"x" * 1024 + b"\r\n"
    request = POST + "Transfer-Encoding: chunked\r\n\r\n"
    async with guarded(folder, max_body_bytes=1024) as door:
        reply = await door.raw(request, chunks * 2 + b"0\r\n\r\n")
        assert (reply.status, reply.code) == (413, "request_too_large")
        assert (await door.raw(request, chunks + b"0\r\n\r\n")).body == b"x" * 1024
    async with guarded(folder, max_body_bytes=4096) as door:
        assert (await door.raw(request, chunks * 2 + b"0\r\n\r\n")).status == 200


async def test_a_failure_shows_nothing_of_itself(folder: Path) -> None:
    async with guarded(folder) as door:
        reply = await door.raw(GET.replace("/", "/fail", 1) + "\r\n")
        assert (reply.status, reply.code) == (500, "internal")
        assert b"secret" not in reply.body
        assert b"Traceback" not in reply.body


async def test_revocation_ends_a_stream(folder: Path) -> None:
    async with guarded(folder) as door:
        reader, writer = await door.connect()
        request = (GET.replace("/", "/stream", 1) + "\r\n").replace("TOKEN", door.token)
        writer.write(request.encode())
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(10)
        assert door.tokens.open_count(door.token_id) == 1
        await door.tokens.revoke(door.token_id)
        async with asyncio.timeout(20):
            rest = await reader.read()
        assert not rest.endswith(b"0\r\n\r\n")  # a client sees that something is missing
        assert door.tokens.open_count(door.token_id) == 0
        writer.close()


async def test_a_client_that_reads_nothing_is_cut_off(folder: Path) -> None:
    async with guarded(folder, stall_timeout_s=0.3, max_body_bytes=32 << 20) as door:
        reader, writer = await door.connect()
        head = (POST + f"Content-Length: {16 << 20}\r\n\r\n").replace("TOKEN", door.token)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head.encode() + b"x" * (16 << 20))
        async with asyncio.timeout(20):
            while door.crowd.count == 0:
                await asyncio.sleep(0.01)
            while door.crowd.count:
                await asyncio.sleep(0.01)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(16 << 20)
        writer.close()


async def test_answers_are_not_held_back_for_more() -> None:
    with bind(("127.0.0.1", 0)) as bound, socket.create_connection(bound.getsockname()):
        taken, _ = bound.accept()
        _, writer = await asyncio.open_connection(sock=taken)
        assert writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
