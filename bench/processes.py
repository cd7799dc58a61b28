"""The processes under measurement: the daemon and the echo server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ruster.testing.daemon import environment_for

__all__ = [
    "Server",
    "daemon",
    "echo_server",
    "environment",
    "python_path",
    "run",
    "start",
    "wait_for_socket",
]

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.001


@dataclass(frozen=True)
class Server:
    """A running server process and its socket."""

    process: subprocess.Popen[bytes]
    socket_path: Path

    def memory_bytes(self, field: str = "VmRSS") -> int:
        """Return a field of ``/proc/PID/status``: resident memory if no other is named."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == field:
                return int(rest.split()[0]) * 1024
        raise LookupError(field)


def environment() -> dict[str, str]:
    """Return a child's environment: what this process needs to find Python and the sources."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return kept | {"PYTHONPATH": python_path()}


def python_path(*more: Path) -> str:
    """Return where children find their modules: ours, and what is given."""
    return os.pathsep.join(["src", ".", os.environ.get("PYTHONPATH", ""), *map(str, more)])


def start(arguments: Sequence[str], output: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start ``python`` with ``arguments``; what it prints goes to ``output``."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment() | variables,
        )


def run(*arguments: str) -> float:
    """Run ``python`` with ``arguments`` to its end; return the seconds it took."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment(),
        check=True,
    )
    return time.perf_counter() - started


def wait_for_socket(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as ``path`` takes connections; raises RuntimeError if it never does."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
    raise RuntimeError(f"nothing listens on {path}; process status {process.poll()}")


@contextmanager
def daemon(folder: Path, *packages: Path, **settings: str) -> Iterator[Server]:
    """Run the daemon with its files below ``folder`` and ``pinky/echo`` as its model.

    ``packages`` are folders with what is installed beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variables = environment_for(folder, **settings) | {"PYTHONPATH": python_path(*packages)}
    process = start(["-m", "ruster"], folder / "output.txt", **variables)
    with _serving(process, folder / "r.sock") as server:
        yield server


@contextmanager
def echo_server(folder: Path) -> Iterator[Server]:
    """Run the bare echo server: the least an asyncio server on a UNIX socket can do."""
    path = folder / "e.sock"
    process = start(["-m", "bench.echo", str(path)], folder / "echo.txt")
    with _serving(process, path) as server:
        yield server


@contextmanager
def _serving(process: subprocess.Popen[bytes], path: Path) -> Iterator[Server]:
    try:
        wait_for_socket(path, process)
        yield Server(process, path)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
