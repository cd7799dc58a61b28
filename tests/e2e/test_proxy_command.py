"""``rusterctl proxy serve`` as a process: start, signals, refusals, and the daemon through it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.e2e.turns import ask_turn, said
from tests.fakes.ollama_server import FakeOllama, refused_url

from ruster.testing import RawClient, running_daemon

pytest.importorskip("uvicorn", reason="the HTTP server is not installed (extra `gateway`)")

TOKEN = "t0ken-canary-012345"


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {f"RUSTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "CACHE")}
    return dict(os.environ) | own | more


async def start(folder: Path, *words: str, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ruster.cli.main", "proxy", "serve", *words),
        env=environment(folder, **more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def served(folder: Path, *words: str, **more: str) -> AsyncIterator[tuple[str, int]]:
    """Run it on a free port; yields its address and pid."""
    process = await start(folder, "--addr", "127.0.0.1:0", *words, **more)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"the LLM proxy listens on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        yield found[1], process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_it_cleanly(folder: Path, number: signal.Signals, status: int) -> None:
    process = await start(folder, "--addr", "127.0.0.1:0")
    assert process.stdout is not None
    assert b"listens on" in await process.stdout.readline()
    process.send_signal(number)
    _, complaint = await process.communicate()

    assert process.returncode == status
    assert complaint == b""


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--addr", "nowhere"), 2, b"host:port"),
        (("--addr", "0.0.0.0:0"), 78, b"PROXY_AUTH_TOKEN"),
        (("--loud",), 2, b"--loud"),
    ],
)
async def test_wrong_words_are_told(
    folder: Path, words: tuple[str, ...], status: int, told: bytes
) -> None:
    process = await start(folder, *words)
    _, complaint = await process.communicate()

    assert process.returncode == status
    assert told in complaint
    assert b"Traceback" not in complaint


async def test_an_address_in_use(folder: Path) -> None:
    async with served(folder) as (url, _):
        process = await start(folder, "--addr", url.removeprefix("http://"))
        _, complaint = await process.communicate()

    assert process.returncode == 1
    assert b"choose another with --addr" in complaint


async def test_the_daemon_answers_through_it_and_no_secret_is_written(folder: Path) -> None:
    async with (
        FakeOllama() as ollama,
        served(folder, "--ollama-url", ollama.url, PROXY_AUTH_TOKEN=TOKEN) as (url, _),
        running_daemon(
            folder,
            default_model="ollama/llama3.2",
            llm_ollama_url=await refused_url(),
            llm_proxy_url=url,
            llm_proxy_auth_token=TOKEN,
        ),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        assert said(await ask_turn(client, "s", "hello")) == "Hello! How can I help you today?"
        async with httpx.AsyncClient() as stranger:
            refused = await stranger.get(f"{url}/ollama/api/tags?key=canary")

    assert refused.status_code == 401
    log = (folder / "data" / "logs" / "proxy.log").read_text()
    assert '"path": "/ollama/api/chat"' in log
    assert '"status": 401' in log
    assert "canary" not in log
    assert TOKEN not in str([request.headers for request in ollama.requests])
