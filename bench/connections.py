"""Many idle connections and some active ones: latency of the active, memory of each."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.figure import Figure
from bench.processes import Server, daemon, echo_server, environment

__all__ = ["measure"]

_IDLE = 10_000
_ACTIVE = 50
_PER_PROCESS = 2_500
_SPARE_DESCRIPTORS = 200


@dataclass
class _Samples:
    """What the active clients of one server saw, a number a round."""

    paced_p99_ms: list[float] = field(default_factory=list)
    burst_p99_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the daemon and the echo server with the very same clients, in turn."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    idle = min(1_000 if quick else _IDLE, descriptors - _ACTIVE - _SPARE_DESCRIPTORS)
    limit = str(idle + 2 * _ACTIVE)
    ours, control = _Samples(), _Samples()
    with (
        daemon(folder, server_max_connections_per_uid=limit) as server,
        echo_server(folder) as echo,
        ExitStack() as clients,
    ):
        each = [_connect(clients, it, idle) for it in (server, echo)]
        for _ in range(3 if quick else 7):
            for it, samples in ((server, ours), (echo, control)):
                _round(str(it.socket_path), samples)
    what = f"{idle:,} idle + {_ACTIVE} active"
    if idle < _IDLE and not quick:
        what += f" (the limit of open files is {descriptors:,})"
    return [
        _figure("ping p99, 10 a second each", "ms", ours.paced_p99_ms, control.paced_p99_ms, what),
        _figure("ping p99 at saturation", "ms", ours.burst_p99_ms, control.burst_p99_ms, what),
        _figure("pings at saturation", "/s", ours.per_second, control.per_second, what),
        Figure("memory per connection", each[0] / 1024, "KB", 10.0, each[1] / 1024, what),
    ]


def _figure(name: str, unit: str, samples: list[float], control: list[float], note: str) -> Figure:
    """Take the medians of the rounds. At saturation there is no target: any latency is possible."""
    target = None if "saturation" in name else 5.0
    note += f"; worst round {max(samples):.3g}" if unit == "ms" else ""
    return Figure(name, median(samples), unit, target, median(control), note)


def _connect(stack: ExitStack, server: Server, idle: int) -> float:
    """Open the idle connections; return how much memory each took, in bytes."""
    before = server.memory_bytes()
    stack.enter_context(_idle_clients(server.socket_path, idle))
    time.sleep(1)
    return (server.memory_bytes() - before) / idle


def _round(path: str, samples: _Samples) -> None:
    samples.paced_p99_ms.append(_active(path, "2", "0.1")["p99_ms"])
    burst = _active(path, "1", "0")
    samples.burst_p99_ms.append(burst["p99_ms"])
    samples.per_second.append(burst["per_second"])


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
