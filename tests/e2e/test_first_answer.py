"""The first answer on a bare machine: no Ollama, nothing here; the model comes from a hub."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.hub_server import FakeHub, FakeRepo, Fault
from tests.fakes.ollama_server import refused_url
from tests.models import build
from tests.models.scripts import DEFAULT

from ruster.testing import DaemonProcess, RawClient, running_daemon

pytestmark = [
    *NEEDS_ENGINE,
    pytest.mark.skipif(
        importlib.util.find_spec("huggingface_hub") is None,
        reason="huggingface_hub is not installed (extra `hub`)",
    ),
]
REPO, FILE = "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "qwen2.5-1.5b-instruct-q4_k_m.gguf"


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    """A hub that has the default model, with the scripted one's bytes."""
    async with FakeHub({REPO: FakeRepo({FILE: build("scripted").read_bytes()})}) as hub:
        yield hub


async def _bare(hub_url: str) -> dict[str, Any]:
    """The settings of a daemon as it is after its installation, away from any real Ollama."""
    return {
        "hub_url": hub_url,
        "default_model": "ollama/llama3.2",
        "llm_ollama_url": await refused_url(),
        "llm_retry_delay_s": "0.01",
        "models_retries": "0",
        "models_reserve_bytes": "0",
    }


def _progress(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "progress"]


async def test_hello_downloads_shows_progress_and_is_answered(folder: Path, hub: FakeHub) -> None:
    async with (
        running_daemon(folder, **await _bare(hub.url)),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        events = await ask_turn(client, "s", "Hello!")
        assert said(events) == DEFAULT.answer
        notices = [event["code"] for event in events if event["event"] == "notice"]
        assert notices[0] == "model_fallback"
        steps = [step for step in _progress(events) if step["what"] == FILE]
        assert steps[-1]["current"] == steps[-1]["total"] == build("scripted").stat().st_size
        shares = [100 * step["current"] // step["total"] for step in steps]
        assert shares == sorted(shares)
        assert len(shares) <= 102
        again = await ask_turn(client, "s", "Hello!")
        assert said(again) == DEFAULT.answer
        assert not [event for event in again if event["event"] == "notice"]  # it was told
        assert len(hub.downloads(FILE)) == 1
        listed = await client.ask({"action": "models"})
        (loaded,) = (await client.ask({"action": "status"}, "status"))["local_models"]
        assert (loaded["state"], loaded["loads"]) == ("loaded", 1)
        assert loaded["path"].endswith(FILE)
        assert [model["id"] for model in listed["models"] if "qwen" in model["id"]]


async def test_the_choice_of_skills_does_not_wait_for_the_download(
    folder: Path, hub: FakeHub
) -> None:
    async with (
        running_daemon(folder, **await _bare(hub.url)),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        events = await ask_turn(client, "s", "What will the weather be tomorrow? Rain?")
    assert events[-1]["done"] is True
    assert said(events) == DEFAULT.answer  # from the model that was fetched meanwhile


async def test_the_daemon_says_what_its_first_message_will_do(folder: Path, hub: FakeHub) -> None:
    async with DaemonProcess(folder, **await _bare(hub.url)) as daemon, asyncio.timeout(20):
        while "model:" not in daemon.output.read_text():
            await asyncio.sleep(0.02)
        assert "the first message downloads Qwen/Qwen2.5-1.5B-Instruct" in daemon.output.read_text()


async def test_without_a_hub_one_error_says_what_to_do_about_each(folder: Path) -> None:
    async with (
        running_daemon(folder, **await _bare("http://127.0.0.1:9")),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        events = await ask_turn(client, "s", "Hello!")
    assert [event["code"] for event in events if event["event"] == "error"] == ["no_model"]
    (error,) = (event["error"] for event in events if event["event"] == "error")
    assert "Ollama" in error
    assert "hub" in error


async def test_cancel_ends_the_download_and_the_next_message_goes_on_with_it(
    folder: Path, hub: FakeHub
) -> None:
    fault = hub.repos[REPO].faults[FILE] = Fault(hold_after=300_000, times=1)
    async with (
        running_daemon(folder, **await _bare(hub.url)),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        await client.send({"action": "send", "session_id": "s", "message": "Hello!"})
        async with asyncio.timeout(20):
            await fault.held.wait()
            while not (await client.event("progress"))["current"]:
                pass  # what was sent may not have been written yet
        await client.send({"action": "cancel", "session_id": "s"})
        assert (await client.turn())[-1]["event"] == "cancelled"
        assert said(await ask_turn(client, "s", "Hello!")) == DEFAULT.answer
    ranges = [request.headers.get("range") for request in hub.downloads(FILE)]
    assert ranges[0] is None
    assert ranges[1] is not None


async def test_two_sessions_share_one_download_and_both_see_it(folder: Path, hub: FakeHub) -> None:
    fault = hub.repos[REPO].faults[FILE] = Fault(hold_after=300_000, times=1)
    async with (
        running_daemon(folder, **await _bare(hub.url)),
        RawClient(folder / "r.sock") as first,
        RawClient(folder / "r.sock") as second,
    ):
        for client, name in ((first, "a"), (second, "b")):
            await client.ask({"action": "create", "session_id": name})
            await client.send({"action": "send", "session_id": name, "message": "Hello!"})
        async with asyncio.timeout(20):
            await fault.held.wait()
            await second.event("progress")
        fault.release.set()
        for client in (first, second):
            events = await client.turn()
            assert events[-1]["event"] == "response"
            assert _progress(events)
    assert len(hub.downloads(FILE)) == 1
