"""A provider from the user's settings through the whole daemon: keys, retries, failover."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from tests.e2e.turns import ask_turn, said
from tests.fakes.http_server import Fault, Step
from tests.fakes.openai_server import FakeOpenAi
from tests.fakes.sse_faults import status

from ruster.testing import RawClient, running_daemon

CANARY = "sk-canary-0123456789"
OVERLOADED = status(503, {"error": {"message": f"overloaded for {CANARY}"}}, "Retry-After: 0")
REFUSED = status(400, {"error": {"message": f"malformed for {CANARY}"}})


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAi]:
    async with FakeOpenAi(key=CANARY) as running:
        yield running


@pytest.fixture
async def client(folder: Path, server: FakeOpenAi) -> AsyncIterator[RawClient]:
    """A client of a daemon whose models are those of the table ``[providers.box]``."""
    key = folder / "key"
    key.write_text(f"{CANARY}\n")
    async with (
        running_daemon(
            folder,
            default_model="box/gpt-4o-mini",
            providers_box_base_url=server.base_url,
            providers_box_api_key_file=str(key),
            providers_box_headers=json.dumps({"X-Secret": CANARY}),
            llm_fallback_models="pinky/echo",
            llm_retry_delay_s="0.01",
            llm_breaker_failures="4",
        ),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        yield client
    key.unlink()


def _times(server: FakeOpenAi, fault: Fault, times: int) -> Fault:
    """Make a fault that goes away after some requests."""
    left = [times]

    def meet(events: Iterable[bytes]) -> Iterable[Step]:
        left[0] -= 1
        if left[0] == 0:
            server.faults.clear()
        return fault(list(events))

    return meet


async def test_an_answer_that_took_three_requests(client: RawClient, server: FakeOpenAi) -> None:
    server.faults["/chat/completions"] = _times(server, OVERLOADED, 2)
    events = await ask_turn(client, "s", "hello")
    (usage,) = [event for event in events if event["event"] == "usage"]

    assert said(events).startswith("Hello!")
    assert (usage["attempts"], usage["model"]) == (3, "box/gpt-4o-mini")
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (19, 3)
    assert len(server.chats) == 3


async def test_a_provider_that_keeps_failing_rests_and_another_answers(
    client: RawClient, server: FakeOpenAi
) -> None:
    server.faults["/chat/completions"] = OVERLOADED
    for told in (["model_fallback"], []):  # the second time the user knows
        events = await ask_turn(client, "s", "hello")
        assert said(events).endswith("hello")
        assert [e["code"] for e in events if e["event"] == "notice"] == told
    assert len(server.chats) == 4

    events = await ask_turn(client, "s", "echo this")

    assert said(events).endswith("echo this")
    (notice,) = [event for event in events if event["event"] == "notice"]
    assert notice["code"] == "model_fallback"
    assert "failed 4 times in a row" in notice["message"]
    assert len(server.chats) == 4


async def test_the_key_is_in_no_event_and_no_file(
    client: RawClient, server: FakeOpenAi, folder: Path
) -> None:
    server.faults["/chat/completions"] = REFUSED
    events = await ask_turn(client, "s", "hello")
    listed = await client.ask({"action": "config_list"})

    assert "malformed for [redacted]" in str(events)
    assert CANARY not in str(events) + str(listed)
    assert listed["options"]["providers.box.headers"] == "********"
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name != "key"]
    assert kept
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]


async def test_its_models_are_listed(client: RawClient) -> None:
    listed = await client.ask({"action": "models"})

    assert "box/vllm" in {model["id"] for model in listed["models"]}
    assert not {"openai", "xai", "groq", "openrouter", "gemini"} & listed["unreachable"].keys()
