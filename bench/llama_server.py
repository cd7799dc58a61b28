"""llama.cpp's own server as the other side of a comparison."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import environment
from bench.spoken import Spoken

__all__ = ["LlamaServer", "Run", "native_folder"]

_START_TIMEOUT_S = 300.0
_POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class Run:
    """How both sides run: the same for each. ``window`` is that of one session, in tokens."""

    model: Path
    threads: int
    window: int
    sessions: int
    batch: int = 512


def native_folder() -> Path:
    """Return where the Python binding keeps llama.cpp's libraries."""
    import llama_cpp

    return Path(llama_cpp.__file__).parent / "lib"


class LlamaServer:
    """A running llama-server with a slot per session, asked over HTTP on the loopback.

    It is started with the libraries of our own engine, so that both compute with the same code.
    """

    name = "llama-server"

    def __init__(self, path: Path, run: Run, log: Path) -> None:
        self._path = path
        self._run = run
        self._log = log
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> float:
        """Start it and wait until its health says ok."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        started = time.perf_counter()
        self._process = self._launch()
        while time.perf_counter() - started < _START_TIMEOUT_S and self._process.poll() is None:
            if await self._healthy():
                return time.perf_counter() - started
            await asyncio.sleep(_POLL_S)
        raise RuntimeError(f"the server does not start; see {self._log}")

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | {"LD_LIBRARY_PATH": os.fspath(native_folder())},
            )

    def _command(self) -> list[str]:
        run = self._run
        numbers = {
            "--port": self._port,
            "--threads": run.threads,
            "--threads-batch": run.threads,
            "--ctx-size": run.window * run.sessions,
            "--parallel": run.sessions,
            "--batch-size": run.batch,
            "--ubatch-size": run.batch,
        }
        command = [os.fspath(self._path), "--model", os.fspath(run.model), "--host", "127.0.0.1"]
        for name, number in numbers.items():
            command += [name, str(number)]
        return [*command, "--flash-attn", "auto", "--cache-type-k", "f16", "--cache-type-v", "f16"]

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def ask(self, session: str, texts: Sequence[str], tokens: int) -> Spoken:
        """Ask for a completion; it finds the slot that knows most of the prompt by itself."""
        body = {
            "prompt": "".join(texts),
            "n_predict": tokens,
            "stream": True,
            "cache_prompt": True,
            "temperature": 0,
            "samplers": ["top_k"],
            "top_k": 1,
        }
        spoken = Spoken(time.perf_counter())
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        try:
            writer.write(_request("POST", "/completion", json.dumps(body).encode()))
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    piece: dict[str, Any] = json.loads(line[6:])
                    spoken.take(str(piece["content"]), time.perf_counter())
                    if piece["stop"]:
                        spoken.prompt_tokens = int(piece["tokens_evaluated"])
                        spoken.tokens = int(piece["tokens_predicted"])
                        break
        finally:
            writer.close()
        spoken.ended_at = time.perf_counter()
        return spoken

    async def _healthy(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(_request("GET", "/health", b""))
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()


def _request(method: str, path: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
