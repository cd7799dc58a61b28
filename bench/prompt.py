"""The size of the first request a plain "hello" causes, as the model's server receives it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.ollama_server import FakeOllama

from bench.figure import Figure
from ruster.testing import DaemonProcess, RawClient

__all__ = ["measure"]


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Say hello once; the size is exact, so that once is enough."""
    size = asyncio.run(_body_bytes(folder))
    note = "HTTP body; control: the message itself"
    return [Figure('prompt of a first "hello"', size, "bytes", 6 * 1024, len("hello"), note)]


async def _body_bytes(folder: Path) -> int:
    async with FakeOllama() as ollama:
        async with (
            DaemonProcess(
                folder, llm_ollama_url=ollama.url, default_model="ollama/llama3.2"
            ) as daemon,
            RawClient(daemon.socket_path) as client,
        ):
            await client.ask({"action": "create", "session_id": "bench"}, "created")
            await client.say("bench", "hello")
        bodies = [r.body for r in ollama.requests if r.path.endswith("/api/chat")]
    return len(bodies[0])
