"""What a hostile or broken client does to the gateway's connections, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from tests.e2e.gateway import Opened, heard, opened, read_reply
from websockets.exceptions import ConnectionClosed

from ruster.core.inference import Content
from ruster.testing import ScriptedProvider


async def alive(gate: Opened) -> None:
    """Check that others are served."""
    assert (await gate.ask("/health")).status == 200


async def test_a_head_that_comes_drop_by_drop_is_cut_off(folder: Path) -> None:
    async with opened(folder, head_timeout_s="0.5") as gate:
        reader, writer = await gate.connect()
        head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 200
        async with asyncio.timeout(20):
            while not reader.at_eof() and not reader._buffer:  # type: ignore[attr-defined]
                writer.write(head[:1])
                head = head[1:]
                await asyncio.sleep(0.05)
            reply = await read_reply(reader)
        assert (reply.status, reply.code) == (408, "request_timeout")
        writer.close()
        silent, quiet = await gate.connect()
        async with asyncio.timeout(20):
            assert (await silent.read()).startswith(b"HTTP/1.1 408 ")
        quiet.close()
        await alive(gate)


async def test_a_second_head_must_come_in_time_as_well(folder: Path) -> None:
    async with opened(folder, head_timeout_s="0.5", idle_timeout_s="30") as gate:
        reader, writer = await gate.connect()
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request)
        assert (await read_reply(reader)).status == 200
        writer.write(request[:20])
        async with asyncio.timeout(20):
            assert (await read_reply(reader)).status == 408
        writer.close()


async def test_a_slow_head_is_taken_without_the_bound(folder: Path) -> None:
    """The control: what the two tests above send is answered when there is time."""
    async with opened(folder, head_timeout_s="30") as gate:
        reader, writer = await gate.connect()
        for piece in (b"GET /health HTTP/1.1\r\n", b"Host: localhost\r\n", b"X-A: a", b"\r\n\r\n"):
            writer.write(piece)
            await asyncio.sleep(0.25)
        assert (await read_reply(reader)).status == 200
        writer.close()


async def test_a_body_that_comes_drop_by_drop_is_cut_off(folder: Path) -> None:
    async with opened(folder, body_timeout_s="0.5") as gate:
        token = await gate.token()
        reader, writer = await gate.connect()
        writer.write(
            f"POST /swallow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 1000\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            reply = await read_reply(reader)
        assert reply.status == 404  # no route waits for it, and nothing is left hanging
        assert reply.header("connection") == "close"
        writer.close()


async def test_large_bodies_are_refused(folder: Path) -> None:
    size = 100 << 20
    async with opened(folder) as gate:
        token = await gate.token()
        head = (
            f"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {size}\r\n"
        )
        expecting = await gate.raw(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert (expecting.status, expecting.code) == (413, "request_too_large")
        reader, writer = await gate.connect()
        writer.write(f"{head}\r\n".encode())
        answer = asyncio.ensure_future(read_reply(reader))
        sent, piece = 0, b"x" * (1 << 20)
        try:
            while sent < size and not answer.done():
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        except ConnectionError:
            pass  # it was cut off; the answer had come before
        assert (await answer).status == 413
        assert sent < size
        writer.close()
        await alive(gate)


async def test_floods_of_headers_are_refused(folder: Path) -> None:
    async with opened(folder) as gate:
        start = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
        many = b"".join(b"X-%d: a\r\n" % number for number in range(101))
        for flood in (
            many,
            b"X-A: " + b"a" * 20_000 + b"\r\n",
            b"X-A: " + b"a" * 200_000 + b"\r\n",
        ):
            reply = await gate.raw(start + flood + b"\r\n")
            assert (reply.status, reply.code) == (431, "head_too_large")
        long = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 20_000)
        assert (await gate.raw(long)).status == 431
        reader, writer = await gate.connect()  # and without an end
        writer.write(start)
        answer = asyncio.ensure_future(read_reply(reader))
        with suppress(ConnectionError):
            while not answer.done():
                writer.write(b"X-A: a\r\n" * 1000)
                await writer.drain()
                await asyncio.sleep(0)
        assert (await answer).status == 431
        writer.close()
        fewer = b"".join(b"X-%d: a\r\n" % number for number in range(99))
        assert (await gate.raw(start + fewer + b"\r\n")).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
        ("Content-Length: 4\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: +4\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: 4, 5\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: chunked, identity\r\n", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding:\x0bchunked\r\n", 400),
        ("Host: evil.example\r\n", 400),
        ("X: a\x00b\r\n", 400),
        ("X y: a\r\n", 400),
    ],
)
async def test_requests_that_can_be_read_in_two_ways(
    folder: Path, headers: str, status: int
) -> None:
    """After each of them the connection ends: what follows is nobody's request."""
    async with opened(folder) as gate:
        token = await gate.token()
        reader, writer = await gate.connect()
        smuggled = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head = (
            f"POST /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        )
        writer.write(head.encode("latin-1") + b"0\r\n\r\n" + smuggled)
        assert (await read_reply(reader)).status == status
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"GET / HTTP/9.9\r\n\r\n",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\nHELO x\r\n", b"GET  / HTTP/1.1\r\n\r\n",
     b"GET /health HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_http(folder: Path, request_: bytes) -> None:
    async with opened(folder) as gate:
        reader, writer = await gate.connect()
        writer.write(request_)
        async with asyncio.timeout(20):
            reply = await reader.read()
        assert reply.startswith(b"HTTP/1.1 400 "), reply
        assert b"Traceback" not in reply
        assert b"server:" not in reply.lower()
        writer.close()
        await alive(gate)


async def test_requests_follow_each_other_on_one_connection(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        reader, writer = await gate.connect()
        one = f"POST /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        for _ in range(3):
            assert (await read_reply(reader)).status == 200
        writer.write(f"{one}Content-Length: 0\r\n\r\n".encode())
        assert (await read_reply(reader)).status == 404
        writer.close()


async def test_idle_connections_make_room(folder: Path) -> None:
    async with opened(folder, max_connections="100") as gate:
        idle = [await gate.connect() for _ in range(200)]
        await alive(gate)
        token = await gate.token()
        async with gate.socket_to(token) as client:
            more = [await gate.connect() for _ in range(150)]
            await client.send('{"action":"ping"}')  # who does something is not cut off
            await heard(client, event="pong")
        await alive(gate)
        async with asyncio.timeout(20):
            with suppress(ConnectionResetError):  # those that waited longest have gone
                assert await idle[0][0].read() == b""
        for _, writer in idle + more:
            writer.close()


async def test_connections_at_work_are_not_replaced(folder: Path) -> None:
    async with opened(folder, max_connections_per_address="3") as gate:
        token = await gate.token()
        async with gate.socket_to(token), gate.socket_to(token), gate.socket_to(token):
            reply = await gate.ask("/health")
            assert (reply.status, reply.code) == (503, "too_many_connections")
        for _ in range(50):  # they take a moment to leave
            if (await gate.ask("/health")).status == 200:
                return
            await asyncio.sleep(0.02)
        pytest.fail("no room came back")


async def test_streams_of_a_token_are_bounded(folder: Path) -> None:
    async with opened(folder, max_streams_per_token="2") as gate:
        token, other = await gate.token(), await gate.token()
        async with gate.socket_to(token), gate.socket_to(token):
            reply = await gate.ask("/nothing", token=token)
            assert (reply.status, reply.code) == (429, "too_many_streams")
            assert (await gate.ask("/nothing", token=other)).status == 404


# WebSockets


async def closed_by(gate: Opened, token: str, message: str | bytes) -> int:
    """Return the code with which a message ends its WebSocket."""
    async with gate.socket_to(token, max_size=None) as client:
        await client.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code


async def test_messages_are_text_and_bounded(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        assert await closed_by(gate, token, b"{}") == 1003
        assert await closed_by(gate, token, "x" * ((1 << 20) + 1)) == 1009
        async with gate.socket_to(token) as client:
            assert not client.protocol.extensions  # nothing is compressed
            for wrong, code in (
                ("nonsense", "invalid_json"),
                ("[]", "invalid_json"),
                ('{"action":"fly"}', "unknown_action"),
                ('{"a":NaN}', "invalid_json"),
                ("[" * 10_000, "invalid_json"),
            ):
                await client.send(wrong)
                assert (await heard(client, event="error"))["code"] == code
            for wrong in ('{"prompt":1}', '{"prompt":""}', '{"prompt":"x","temperature":1}'):
                await client.send(wrong)
                assert "Error" in json.loads(await client.recv())["body"]
            await client.send('{"action":"ping","id":7}')
            assert await heard(client, event="pong") == {"event": "pong", "id": 7}


async def deaf_socket(
    gate: Opened, token: str, message: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket, say something, and read nothing from then on."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect((gate.host, gate.port))
    reader, writer = await asyncio.open_connection(sock=small, limit=1 << 25)
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    assert (await read_reply(reader)).status == 101
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    payload = message.encode()
    assert len(payload) < 126
    writer.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
    return reader, writer


async def only_one_left(gate: Opened) -> None:
    """Return when the holder of the only token has one thing open."""
    async with asyncio.timeout(30):
        while (await gate.command("gateway_token_list"))["tokens"][0]["open"] != 1:
            await asyncio.sleep(0.05)


async def test_a_reader_that_stalls_is_dropped_alone(folder: Path) -> None:
    flood = ScriptedProvider([Content("x" * 10_000)] * 3000)
    async with opened(folder, providers={"flood": flood}, stall_timeout_s="0.5") as gate:
        token = await gate.token()
        async with gate.socket_to(token) as other:
            _, deaf = await deaf_socket(gate, token, '{"prompt":"go","model":"flood/x"}')
            await only_one_left(gate)
            assert flood.closed_early == 1
            await other.send('{"prompt":"Hi","model":"pinky/echo"}')
            assert json.loads(await other.recv())["body"] == {"Event": "ProcessStart"}
        deaf.transport.abort()


async def test_who_leaves_too_much_unread_is_dropped_alone(folder: Path) -> None:
    flood = ScriptedProvider([Content("x" * 10_000), 0.001] * 90)
    async with opened(
        folder, providers={"flood": flood}, stall_timeout_s="60", max_unread_bytes="262144"
    ) as gate:
        token = await gate.token()
        async with gate.socket_to(token) as other:
            await other.send('{"action":"create","session_id":"a","model":"flood/x"}')
            await heard(other, event="created")
            reader, deaf = await deaf_socket(gate, token, '{"action":"attach","session_id":"a"}')
            seqs = []
            for _ in range(12):  # the kernel takes some megabytes for whoever reads nothing
                await other.send('{"action":"send","session_id":"a","message":"go"}')
                while not (event := json.loads(await other.recv())).get("done"):
                    seqs += [event["seq"]] if "seq" in event else []
                seqs.append(event["seq"])
            assert len(seqs) >= 12 * 90
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))  # nothing was left out
            deaf.transport.resume_reading()  # type: ignore[attr-defined]
            last = await reader.readuntil(b'"code":"buffer_exceeded"')
            assert len(last) < 12 * 90 * 10_000
            await only_one_left(gate)
        deaf.transport.abort()


async def test_an_answer_ends_with_its_socket(folder: Path) -> None:
    slow = ScriptedProvider([Content("x"), 60.0])
    async with opened(folder, providers={"slow": slow}) as gate:
        async with gate.socket_to(await gate.token(), port=gate.ws_port, path="/") as client:
            await client.send('{"prompt":"go","model":"slow/x","id":"mine"}')
            while json.loads(await client.recv()) != {
                "id": "mine",
                "body": {"Event": {"Content": "x"}},
            }:
                pass
            await client.send('{"prompt":"go","model":"slow/x","id":"mine"}')  # it is running
            assert "Error" in json.loads(await client.recv())["body"]
        async with asyncio.timeout(10):
            while not slow.closed_early:
                await asyncio.sleep(0.01)


async def test_the_socket_address_has_nothing_else(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        both = Opened(gate.daemon, gate.socket, gate.host, gate.ws_port, gate.ws_port)
        assert (await both.ask("/")).status == 401
        assert (await both.ask("/", token=token)).status == 426
        assert (await both.ask("/health", token=token)).status == 404
        for path in ("/", "/ws"):
            async with both.socket_to(token, path=path) as client:
                await client.send('{"action":"ping"}')
                await heard(client, event="pong")
        assert (await gate.ask("/ws", token=token)).status == 426


async def test_stopping_tells_and_ends_sockets(folder: Path) -> None:
    async with opened(folder) as gate:
        client = await gate.socket_to(await gate.token())
        await client.send('{"action":"create","session_id":"a"}')
        await heard(client, event="created")
        idle = await gate.connect()
    with suppress(ConnectionClosed):
        while True:
            await client.recv()
    assert client.close_code == 1012
    async with asyncio.timeout(10):
        assert await idle[0].read() == b""
    idle[1].close()
