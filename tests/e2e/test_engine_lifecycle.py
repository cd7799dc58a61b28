"""The engine's life under the whole daemon: kills, unloads, and what a deleted session leaves."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT, ENDLESS

from ruster.testing import RawClient, running_daemon

pytestmark = NEEDS_ENGINE

_SECRET = "The vault opens with marmalade and a violin. " * 4


@asynccontextmanager
async def _daemon(folder: Path, **settings: Any) -> AsyncIterator[RawClient]:
    models = folder / "cache" / "models"
    models.mkdir(parents=True, exist_ok=True)
    shutil.copy(build("scripted", MODELS_DIR), models)
    async with (
        running_daemon(folder, default_model="llamacpp/scripted", **settings),
        RawClient(folder / "r.sock") as client,
    ):
        yield client


def _workers() -> list[int]:
    """Find the engine's processes among our children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if b"ruster.engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def _snapshots(folder: Path) -> list[Path]:
    return list((folder / "cache" / "kv").glob("*.kv"))


def _files_with(folder: Path, data: bytes) -> list[Path]:
    """Find the files below a folder that hold some bytes, the model's own aside."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".gguf" and data in path.read_bytes()
    ]


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_a_kill_amid_eight_answers_is_eight_errors(folder: Path) -> None:
    async with _daemon(folder) as client:
        names = [f"s{number}" for number in range(8)]
        for name in names:
            await client.ask({"action": "create", "session_id": name}, "created")
            await client.send({"action": "send", "session_id": name, "message": ENDLESS.question})
        speaking: set[str] = set()
        while len(speaking) < 8:
            event = await client.event("response")
            if "phase" not in event:
                speaking.add(event["session_id"])
        (pid,) = _workers()
        os.kill(pid, signal.SIGKILL)
        errors = [await client.event("error") for _ in names]
        assert sorted(error["session_id"] for error in errors) == names
        assert {error["code"] for error in errors} == {"engine_crashed"}
        for name in names:
            events = await ask_turn(client, name, "Hello!")
            assert said(events) == DEFAULT.answer  # and no ninth error came before it
            assert all(event["event"] != "error" for event in events)


async def test_a_reload_is_told_with_its_progress(folder: Path) -> None:
    async with _daemon(folder, engine_unload="immediate") as client:
        await client.ask({"action": "create", "session_id": "s"}, "created")
        first = await ask_turn(client, "s", "Hello!")
        assert [event for event in first if event["event"] == "notice"] == []
        progress = [event for event in first if event["event"] == "progress"]
        assert progress[-1]["what"] == "loading scripted"
        assert progress[-1]["current"] == progress[-1]["total"] > 1_000_000
        await _until(lambda: len(_snapshots(folder)) == 1)  # written when it is unloaded
        (notice,) = [
            event
            for event in await ask_turn(client, "s", "Hello!")
            if event["event"] == "notice" and event["code"] == "model_reloaded"
        ]
        lines = notice["message"].splitlines()
        assert lines[0].startswith("NOTICE: Model reload took ")
        assert lines[1] == "Increase --unload-after or use --no-unload to avoid delay."


@pytest.mark.parametrize("case", ["unloaded", "loaded", "speaking", "another run"])
async def test_a_deleted_session_leaves_nothing_of_its_text(folder: Path, case: str) -> None:
    unload = "immediate" if case == "unloaded" else "hibernate"
    async with _daemon(folder, engine_unload=unload) as client:
        await client.ask({"action": "create", "session_id": "s"}, "created")
        await ask_turn(client, "s", _SECRET)
        if case == "unloaded":
            await _until(lambda: len(_snapshots(folder)) == 1)
        if case in ("loaded", "unloaded"):
            await client.ask({"action": "delete", "session_id": "s"}, "deleted")
        if case == "speaking":
            message = _SECRET + ENDLESS.question
            await client.send({"action": "send", "session_id": "s", "message": message})
            while "phase" in await client.event("response"):
                pass
            await client.ask({"action": "delete", "session_id": "s"}, "deleted")
        assert bool(_files_with(folder, b"marmalade")) == (case == "another run")
    if case == "another run":  # what is in memory is kept at the end
        (snapshot,) = _snapshots(folder)
        tokens = snapshot.read_bytes()[400:480]
        assert _files_with(folder, tokens) == [snapshot]
        async with _daemon(folder) as client:
            await client.ask({"action": "delete", "session_id": "s"}, "deleted")
            assert _files_with(folder, tokens) == []
            assert _workers() == []
    assert _snapshots(folder) == []
    assert _files_with(folder, b"marmalade") == []


async def test_snapshots_stay_private_and_can_be_switched_off(folder: Path) -> None:
    for wanted in ("false", "true"):
        async with _daemon(folder, engine_snapshots=wanted) as client:
            await client.ask({"action": "create", "session_id": "s"}, "created")
            await ask_turn(client, "s", _SECRET)
        kept = folder / "cache" / "kv"
        assert kept.exists() == (wanted == "true")
    assert kept.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in kept.iterdir()] == [0o600]
