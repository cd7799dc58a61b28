"""A GGUF file in the embedded engine, through the whole daemon."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.ollama_server import refused_url
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT, ENDLESS, SCRIPTS, TOOL_RESULT, Script, script

from ruster.testing import DaemonProcess, RawClient, running_daemon

pytestmark = NEEDS_ENGINE

PLAIN = [entry for entry in SCRIPTS if not entry.endless and entry.tool is None]


def _thought(events: list[dict[str, Any]]) -> str:
    return "".join(e.get("delta", "") for e in events if e["event"] == "thought")


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[RawClient]:
    """A client of a daemon whose sessions talk to the scripted GGUF, at a hot temperature."""
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("scripted", MODELS_DIR), models)
    async with (
        running_daemon(folder, default_model="llamacpp/scripted", agent_temperature="2.0"),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        yield client


@pytest.mark.parametrize("entry", [*PLAIN, DEFAULT], ids=lambda entry: entry.name)
async def test_says_what_its_weights_say(client: RawClient, entry: Script) -> None:
    events = await ask_turn(client, "s", entry.question)
    assert said(events) == entry.answer
    assert _thought(events) == (entry.thought or "")
    assert events[-1]["done"] is True


async def test_a_tool_call_is_answered_and_its_result_seen(client: RawClient) -> None:
    entry = script("tool")
    events = await ask_turn(client, "s", entry.question)
    call, _ = (event for event in events if event["event"] == "tool_call")
    assert (call["tool"], call["arguments"]) == entry.tool
    markers = [e["delta"] for e in events if e["event"] == "response" and "phase" in e]
    assert markers[:2] == ["Thinking...", "Refining..."]
    assert said(events) == TOOL_RESULT.answer
    page = await client.ask({"action": "history", "session_id": "s"}, "history")
    roles = [record["role"] for record in page["history"]]
    assert roles == ["user", "assistant", "tool", "assistant"]


async def test_cancel_keeps_what_wassaid(client: RawClient) -> None:
    await client.send({"action": "send", "session_id": "s", "message": ENDLESS.question})
    while not (event := await client.event("response"))["delta"].strip() or "phase" in event:
        pass
    await client.send({"action": "cancel", "session_id": "s"})
    events = await client.turn()
    assert events[-1]["event"] == "cancelled"
    page = await client.ask({"action": "history", "session_id": "s"}, "history")
    last = page["history"][-1]
    assert last["end"] == "cancelled"
    assert last["content"].startswith("tick")
    assert said(await ask_turn(client, "s", "Hello!")) == DEFAULT.answer


async def test_the_second_turn_reads_only_what_is_new(client: RawClient) -> None:
    await ask_turn(client, "s", "Hello!")
    events = await ask_turn(client, "s", "Hello!")
    (usage,) = [event for event in events if event["event"] == "usage"]
    assert usage["model"] == "llamacpp/scripted"
    assert 0 < usage["cached_tokens"] < usage["prompt_tokens"]


async def test_two_sessions_are_answered_one_after_the_other(client: RawClient) -> None:
    await client.ask({"action": "create", "session_id": "t"}, "created")
    for session, question in (("s", script("capital").question), ("t", "Hello!")):
        await client.send({"action": "send", "session_id": session, "message": question})
    said = {"s": "", "t": ""}
    ended = 0
    while ended < 2:
        event = await client.event("response")
        said[event["session_id"]] += "" if "phase" in event else event["delta"]
        ended += event["done"]
    assert said == {"s": script("capital").answer, "t": DEFAULT.answer}


async def test_a_killed_engine_is_one_error_and_then_a_new_engine(client: RawClient) -> None:
    await client.send({"action": "send", "session_id": "s", "message": ENDLESS.question})
    while "phase" in await client.event("response"):
        pass
    os.kill(_worker_pid(), signal.SIGKILL)
    events = await client.turn()
    assert (events[-1]["event"], events[-1]["code"]) == ("error", "engine_crashed")
    assert said(await ask_turn(client, "s", "Hello!")) == DEFAULT.answer


async def test_a_broken_file_is_one_error(folder: Path, client: RawClient) -> None:
    (folder / "cache" / "models" / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    await client.ask({"action": "create", "session_id": "s", "model": "llamacpp/broken"}, "created")
    events = await ask_turn(client, "s", "hi")
    assert (events[-1]["event"], events[-1]["code"]) == ("error", "model_damaged")


async def test_a_local_model_answers_when_ollama_is_down(folder: Path) -> None:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("scripted", MODELS_DIR), models)
    url = await refused_url()
    async with DaemonProcess(folder, default_model="ollama/llama3.2", llm_ollama_url=url) as daemon:
        async with RawClient(daemon.socket_path) as client:
            await client.ask({"action": "create", "session_id": "s"})
            events = await ask_turn(client, "s", script("capital").question)
        (notice,) = [event for event in events if event["event"] == "notice"]
        assert notice["code"] == "model_fallback"
        assert "ollama/llama3.2 cannot answer" in notice["message"]
        assert said(events) == script("capital").answer


def _worker_pid() -> int:
    """Find the engine's process among our children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return next(
        int(pid)
        for pid in children
        if b"ruster.engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )


async def test_the_engine_may_run_inside_the_daemon(folder: Path) -> None:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("scripted", MODELS_DIR), models)
    daemon = DaemonProcess(folder, default_model="llamacpp/scripted", engine_isolation="thread")
    async with daemon, RawClient(daemon.socket_path) as client:
        await client.ask({"action": "create", "session_id": "s"})
        assert said(await ask_turn(client, "s", "Hello!")) == DEFAULT.answer
        children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text()
        assert children.split() == []
        endless = {"action": "send", "session_id": "s", "message": ENDLESS.question}
        await client.send(endless)
        while not (await client.event("response"))["delta"].startswith("tick"):
            pass
        await client.send({"action": "cancel", "session_id": "s"})
        assert (await client.turn())[-1]["event"] == "cancelled"
        await client.send(endless)
        while not (await client.event("response"))["delta"].startswith("tick"):
            pass
