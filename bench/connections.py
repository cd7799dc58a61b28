"""Many idle connections and some active ones: latency of the active, memory of each."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.processes import Server, daemon, echo_server, environment

__all__ = ["measure"]

_IDLE = 10_000
_ACTIVE = 50
_PER_PROCESS = 2_500
_SPARE_DESCRIPTORS = 200


@dataclass(frozen=True)
class _Result:
    paced_p99_ms: float
    burst_p99_ms: float
    per_second: float
    each_bytes: float


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the daemon, then the echo server with the very same clients."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    idle = min(1_000 if quick else _IDLE, descriptors - _ACTIVE - _SPARE_DESCRIPTORS)
    limit = str(idle + 2 * _ACTIVE)
    with daemon(folder, server_max_connections_per_uid=limit) as server:
        ours = _measure(server, idle, quick)
    with echo_server(folder) as echo:
        control = _measure(echo, idle, quick)
    what = f"{idle:,} idle + {_ACTIVE} active"
    if idle < _IDLE and not quick:
        what += f" (the limit of open files is {descriptors:,})"
    return [
        Figure(
            "ping p99, 10 a second each", ours.paced_p99_ms, "ms", 5.0, control.paced_p99_ms, what
        ),
        Figure("ping p99 at saturation", ours.burst_p99_ms, "ms", None, control.burst_p99_ms, what),
        Figure("pings at saturation", ours.per_second, "/s", None, control.per_second, what),
        Figure(
            "memory per connection", ours.each_bytes / 1024, "KB", 10.0, control.each_bytes / 1024
        ),
    ]


def _measure(server: Server, idle: int, quick: bool) -> _Result:
    seconds = "2" if quick else "8"
    before = server.memory_bytes()
    with _idle_clients(server.socket_path, idle):
        time.sleep(1)
        each = (server.memory_bytes() - before) / idle
        path = str(server.socket_path)
        paced = _active(path, seconds, "0.1")
        burst = _active(path, seconds, "0")
    return _Result(paced["p99_ms"], burst["p99_ms"], burst["per_second"], each)


@contextmanager
def _idle_clients(path: Path, count: int) -> Iterator[None]:
    """Hold ``count`` connections open from several processes."""
    with ExitStack() as stack:
        while count > 0:
            share = min(count, _PER_PROCESS)
            count -= share
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.clients", "idle", str(path), str(share)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment(),
                )
            )
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"{share} connections could not be opened")
        yield


def _active(path: str, seconds: str, pause_s: str) -> dict[str, float]:
    arguments = ["-m", "bench.clients", "active", path, str(_ACTIVE), seconds, pause_s]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, env=environment(), check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result
