"""Resident memory: idle, and after many turns in one session."""

from __future__ import annotations

import time
from pathlib import Path

from bench.client import Client
from bench.figure import Figure
from bench.processes import daemon, echo_server

__all__ = ["measure"]

_MB = 1e6
_SETTLE_S = 1.0


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Look at the daemon before its first turn and after the last one."""
    turns = 1_000 if quick else 10_000
    with (
        daemon(folder) as server,
        echo_server(folder) as echo,
        Client(server.socket_path) as client,
    ):
        client.ask({"action": "ping"}, "pong")
        time.sleep(_SETTLE_S)
        idle, control = server.memory_bytes() / _MB, echo.memory_bytes() / _MB
        client.ask({"action": "create", "session_id": "bench"}, "created")
        before = server.memory_bytes() / _MB
        for number in range(turns):
            message = f"message {number}: what is the capital of France?"
            client.turn(
                b'{"action":"send","session_id":"bench","message":"%s"}\n' % message.encode()
            )
        time.sleep(_SETTLE_S)
        after = server.memory_bytes() / _MB
    with_http = _idle_with_ollama(folder / "ollama")
    return [
        Figure("idle memory", idle, "MB", 45.0, control, "control: echo server"),
        Figure(
            "idle memory, Ollama looked for", with_http, "MB", 45.0, control, "with an HTTP client"
        ),
        Figure(f"growth over {turns:,} turns", after - before, "MB", 10.0, note=f"to {after:.1f}"),
    ]


def _idle_with_ollama(folder: Path) -> float:
    """Start with the default model: the daemon asks at once whether Ollama is there."""
    nowhere = {"llm_ollama_url": "http://127.0.0.1:9", "default_model": "ollama/llama3.2"}
    with daemon(folder, **nowhere) as server, Client(server.socket_path) as client:
        client.ask({"action": "models"}, "models")
        time.sleep(_SETTLE_S)
        return server.memory_bytes() / _MB
