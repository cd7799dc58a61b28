"""Two hundred answers at once over HTTP: the first byte of each, beside the daemon's own socket."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.client import Client
from bench.figure import Figure, percentile
from bench.processes import daemon

__all__ = ["measure"]

_STREAMS = 200
_ROUNDS = 3
_STALLED = 8
_LIMIT = "1000"
_WORDS = "the quick brown fox jumps over the lazy dog " * 8


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Ask the same daemon the same things in both ways, in turn."""
    rounds = 1 if quick else _ROUNDS
    port, ws_port = _free_port(), _free_port()
    settings = {
        "gateway_enabled": "true",
        "gateway_addr": f"127.0.0.1:{port}",
        "gateway_ws_addr": f"127.0.0.1:{ws_port}",
        "gateway_max_streams_per_token": _LIMIT,
        "gateway_max_connections": _LIMIT,
        "gateway_max_connections_per_address": _LIMIT,
        "server_max_connections_per_uid": _LIMIT,
    }
    with daemon(folder, **settings) as server, Client(server.socket_path) as client:
        token = _token(client)
        for number in range(_STREAMS):
            client.ask({"action": "create", "session_id": f"s-{number}"}, "created")
            client.ask({"action": "detach", "session_id": f"s-{number}"}, "detached")
        ours, theirs, stalled = [], [], []
        for _ in range(rounds):
            theirs += asyncio.run(_all(lambda n: _over_socket(server.socket_path, n)))
            ours += asyncio.run(_all(lambda _: _over_http(port, token)))
            stalled += asyncio.run(_beside_stalled(port, token))
    p99, control = percentile(ours, 99), percentile(theirs, 99)
    note = "control: the socket's own first event"
    return [
        Figure(
            f"{_STREAMS} streams, first byte p50",
            percentile(ours, 50),
            "ms",
            control=percentile(theirs, 50),
            note=note,
        ),
        Figure(f"{_STREAMS} streams, first byte p99", p99, "ms", control=control, note=note),
        Figure("over the socket's own, p99", p99 - control, "ms", 50.0),
        Figure(
            f"beside {_STALLED} stalled readers, p99",
            percentile(stalled, 99),
            "ms",
            control=p99,
            note="control: without",
        ),
    ]


def _figure(name: str, value: float, control: float, note: str) -> Figure:
    return Figure(name, value, "ms", control=control, note=note)


async def _all(ask: Callable[[int], Awaitable[float]]) -> list[float]:
    return list(await asyncio.gather(*(ask(number) for number in range(_STREAMS))))


async def _beside_stalled(port: int, token: str) -> list[float]:
    """Measure while some have asked and read nothing."""
    stalled = []
    for _ in range(_STALLED):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(_request(token, _WORDS * 2000))
        await writer.drain()
        stalled.append((reader, writer))
    try:
        return await _all(lambda _: _over_http(port, token))
    finally:
        for _, writer in stalled:
            writer.transport.abort()


async def _over_http(port: int, token: str) -> float:
    """Return the milliseconds from asking to the first piece of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        began = time.perf_counter()
        writer.write(_request(token, _WORDS))
        while line := await reader.readline():
            if line.startswith(b"data:") and b'"delta"' in line:
                return (time.perf_counter() - began) * 1000
        raise RuntimeError("the stream had no answer")
    finally:
        writer.transport.abort()


async def _over_socket(path: Path, number: int) -> float:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        began = time.perf_counter()
        command = {"action": "send", "session_id": f"s-{number}", "message": _WORDS}
        writer.write(json.dumps(command).encode() + b"\n")
        while line := await reader.readline():
            event = json.loads(line)
            if event["event"] == "error":
                raise RuntimeError(event["error"])
            if event["event"] == "response" and event.get("delta"):
                return (time.perf_counter() - began) * 1000
        raise RuntimeError("the daemon closed the connection")
    finally:
        writer.transport.abort()


def _request(token: str, text: str) -> bytes:
    body = json.dumps(
        {"model": "pinky/echo", "stream": True, "messages": [{"role": "user", "content": text}]}
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _token(client: Client) -> str:
    made = client.ask({"action": "gateway_token_add", "label": "bench"}, "gateway_token_added")
    token: str = made["token"]
    return token


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
