"""The worker process by its frames alone, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ruster.core.inference import Behaviour, InferenceConfig
from ruster.core.messages import Message, Role
from ruster.core.orchestration import (
    Cancel,
    EngineCommand,
    EngineInput,
    Infer,
    ListModels,
    LoadModel,
    Reset,
    Stop,
)
from ruster.core.orchestration_json import dump_input
from ruster.engine.settings import EngineSettings
from tests.engine_support import NEEDS_ENGINE
from tests.models.scripts import DEFAULT

pytestmark = NEEDS_ENGINE


class _Worker:
    """A worker spoken to in raw frames."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, settings: EngineSettings) -> _Worker:
        command = (sys.executable, "-P", "-m", "ruster.engine.worker", settings.model_dump_json())
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def send(self, identifier: str, command: EngineCommand) -> None:
        self.write(dump_input(EngineInput(command, identifier)))

    async def read(self) -> tuple[str | None, Any]:
        assert self.process.stdout is not None
        frame = json.loads(await self.process.stdout.readline())
        return frame.get("id"), frame["body"]

    async def read_until(self, identifier: str, *tags: str) -> Any:
        """Return the first body of a request with one of the tags (``Event:Complete``)."""
        while True:
            who, body = await self.read()
            ((kind, content),) = body.items()
            name = content if isinstance(content, str) else next(iter(content), "")
            if who == identifier and (kind in tags or f"{kind}:{name}" in tags):
                return body

    async def text(self, identifier: str) -> str:
        """Read an answer to its end."""
        text = ""
        while True:
            body = await self.read_until(identifier, "Event", "Error")
            if body["Event"] == "Complete":
                return text
            if isinstance(body["Event"], dict):
                text += body["Event"].get("Content", "")

    async def end(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        await self.process.stdout.read()
        return await self.process.wait()


@pytest.fixture
async def worker() -> AsyncIterator[_Worker]:
    worker = await _Worker.start(EngineSettings(threads=1, max_waiting=3, context_size=32768))
    yield worker
    assert await worker.end() == 0


def _infer(model: Path, text: str, **behaviour: Any) -> Infer:
    config = InferenceConfig(Behaviour(**behaviour))
    return Infer(model=str(model), messages=(Message(Role.USER, text),), config=config)


async def test_requests_run_at_once_and_what_waits_can_be_cancelled(
    worker: _Worker, scripted: Path
) -> None:
    worker.send("a", _infer(scripted, "Talk forever."))
    await worker.read_until("a", "Event:Content")
    worker.send("b", _infer(scripted, "Hello!"))  # joins a
    assert DEFAULT.text == await worker.text("b")
    worker.send("list", ListModels())
    listed = await worker.read_until("list", "ModelList")
    (entry,) = listed["ModelList"]
    assert (entry["id"], entry["purpose"]) == (str(scripted), "Inference")
    assert (entry["state"], "idle_s" in entry) == ("inferring", False)
    worker.send("r", Reset())  # must wait for a, and holds back what follows it
    worker.send("c", _infer(scripted, "Hello!"))
    worker.send("d", _infer(scripted, "Hello!"))
    worker.send("e", ListModels())
    refused = await worker.read_until("e", "Error")
    assert refused["Error"]["code"] == "engine_busy"
    worker.send("x", Cancel("c"))
    gone = await worker.read_until("c", "Error")
    assert gone["Error"]["code"] == "cancelled"
    worker.send("x", Cancel("a"))
    stopped = await worker.read_until("a", "Error")
    assert stopped["Error"]["code"] == "cancelled"
    assert await worker.read_until("r", "ModelList") == {"ModelList": []}
    assert DEFAULT.text == await worker.text("d")


async def test_cancel_inside_a_long_prompt(worker: _Worker, scripted: Path) -> None:
    long = _infer(scripted, "one more word " * 4000)
    worker.send("a", long)
    assert await worker.read_until("a", "Event") == {"Event": "ProcessStart"}
    worker.send("x", Cancel("a"))
    assert (await worker.read_until("a", "Error", "Event"))["Error"]["code"] == "cancelled"
    worker.send("b", _infer(scripted, "Hello!", max_tokens=2))
    assert await worker.read_until("b", "Event:Content")


async def test_bad_frames_are_refused_one_by_one(worker: _Worker) -> None:
    for frame in (
        b"\n",
        b"\xff\n",
        b"{}\n",
        b'{"id":1,"command":"Stop"}\n',
        b"x" * 100_000 + b"\n",
    ):
        worker.write(frame)
        identifier, body = await worker.read()
        assert identifier is None
        assert body["Error"]["code"] == "invalid_command"
    worker.send("a", ListModels())
    assert await worker.read() == ("a", {"ModelList": []})
    worker.send("b", Infer("hi"))
    assert (await worker.read())[1]["Error"]["code"] == "model_not_found"
    worker.send("c", LoadModel("/nowhere/none.gguf"))
    assert (await worker.read_until("c", "Error"))["Error"]["code"] == "model_not_found"


async def test_the_end_of_stdin_ends_it_even_while_it_computes(scripted: Path) -> None:
    worker = await _Worker.start(EngineSettings(threads=1))
    worker.send("a", _infer(scripted, "Talk forever."))
    await worker.read_until("a", "Event:Content")
    assert await worker.end() == 0


async def test_stop_ends_it() -> None:
    worker = await _Worker.start(EngineSettings())
    worker.send("a", Stop())
    assert worker.process.stdout is not None
    assert await worker.process.stdout.read() == b""
    assert await worker.end() == 0


def test_it_does_not_outlive_its_killed_parent(scripted: Path) -> None:
    parent = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from ruster.engine.host import EngineHost
        from ruster.engine.settings import EngineSettings
        from tests.engine_support import ask

        async def main():
            host = EngineHost(EngineSettings(threads=1))
            async for _ in host.infer(Path({str(scripted)!r}), ask("Talk forever.")):
                print(host.worker_pid, flush=True)

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        while _runs(pid):  # the suite's own time limit ends this if it never comes true
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
