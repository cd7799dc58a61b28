"""Client processes of the connections figure.

``python -m bench.clients idle PATH COUNT`` connects, says ``ready``, and holds on until its input
ends. ``python -m bench.clients active PATH COUNT SECONDS PAUSE_S`` pings on each connection and
prints the latencies.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import socket
import sys
import time

from bench.figure import percentile

_PING = b'{"action":"ping"}\n'
_WARM_UP_S = 0.5


def _idle(path: str, count: int) -> None:
    held = []
    for _ in range(count):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        held.append(client)
    print("ready", flush=True)
    sys.stdin.read()


class _Pinger(asyncio.Protocol):
    """Sends a ping, waits for its answer and for ``pause_s`` since the last ping, and again."""

    def __init__(self, pause_s: float, samples: list[tuple[float, float]]) -> None:
        self._pause_s = pause_s
        self._samples = samples
        self._sent = 0.0
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        delay_s = random.uniform(0, self._pause_s)
        asyncio.get_running_loop().call_later(delay_s, self._ping)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._data += data
        if not self._data.endswith(b"\n"):
            return
        self._data = b""
        self._samples.append((now, now - self._sent))
        if self._pause_s:
            asyncio.get_running_loop().call_later(self._pause_s, self._ping)
        else:
            self._ping()

    def _ping(self) -> None:
        if not self._transport.is_closing():
            self._sent = time.perf_counter()
            self._transport.write(_PING)


async def _active(path: str, count: int, seconds: float, pause_s: float) -> dict[str, float]:
    samples: list[tuple[float, float]] = []
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_unix_connection(lambda: _Pinger(pause_s, samples), path))[0]
        for _ in range(count)
    ]
    begin = time.perf_counter() + _WARM_UP_S
    await asyncio.sleep(_WARM_UP_S + seconds)
    for transport in transports:
        transport.close()
    taken = [latency * 1000 for at, latency in samples if at >= begin]
    return {
        "p50_ms": percentile(taken, 50),
        "p99_ms": percentile(taken, 99),
        "per_second": len(taken) / seconds,
    }


def main() -> None:
    """Do what the command line says."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind, path, count, *rest = sys.argv[1:]
    if kind == "idle":
        _idle(path, int(count))
    else:
        seconds, pause_s = map(float, rest)
        print(json.dumps(asyncio.run(_active(path, int(count), seconds, pause_s))))


if __name__ == "__main__":
    main()
