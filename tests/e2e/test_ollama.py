"""Ollama's protocol through the whole daemon, and what happens when nothing can answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.turns import ask_turn, said
from tests.fakes.ollama_answers import FAULTS, Answer
from tests.fakes.ollama_server import FakeOllama, refused_url

from ruster.testing import RawClient, running_daemon


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@pytest.fixture
async def client(folder: Path, ollama: FakeOllama) -> AsyncIterator[RawClient]:
    """A client of a daemon that has nothing but the fake Ollama, and little patience with it."""
    async with (
        running_daemon(
            folder,
            default_model="ollama/llama3.2",
            llm_ollama_url=ollama.url,
            llm_fallback_models="",
            llm_first_byte_timeout_s="0.5",
            llm_read_timeout_s="0.5",
            llm_retry_delay_s="0.01",
        ),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        yield client


async def test_an_answer_is_streamed_and_remembered(client: RawClient, ollama: FakeOllama) -> None:
    ollama.answers["hello"] = Answer(("Hel", "lo <", "b> \N{CRAB}"))
    assert said(await ask_turn(client, "s", "hello")) == "Hello <b> \N{CRAB}"
    await ask_turn(client, "s", "and again")
    messages = ollama.chats[-1]["messages"]
    assert messages[0]["role"] == "system"
    assert [message["content"] for message in messages[1:]] == [
        "hello",
        "Hello <b> \N{CRAB}",
        "and again",
    ]


async def test_thoughts_in_tags_are_thoughts(client: RawClient, ollama: FakeOllama) -> None:
    ollama.answers["why"] = Answer(("<thi", "nk>Hmm", "</th", "ink>Be", "cause."))
    events = await ask_turn(client, "s", "why")
    assert said(events) == "Because."
    phases = [(e["phase"], e.get("delta")) for e in events if e["event"] == "thought"]
    assert phases == [("start", None), ("delta", "Hmm"), ("stop", None)]


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_one_typed_error_and_the_session_lives_on(
    client: RawClient, ollama: FakeOllama, name: str
) -> None:
    fault, code = FAULTS[name]
    await ask_turn(client, "s", "warm up")
    ollama.faults["/api/chat"] = fault
    events = await ask_turn(client, "s", "break")
    errors = [event["code"] for event in events if event["event"] == "error"]
    assert errors in ([code], ["no_model"])
    assert events[-1]["event"] == "error"
    ollama.faults.clear()
    assert said(await ask_turn(client, "s", "fine")) == "".join(Answer().content)


async def test_cancel_hangs_up_on_ollama(client: RawClient, ollama: FakeOllama) -> None:
    ollama.answers["long"] = Answer(tuple("word " for _ in range(1000)), delay_s=0.05)
    await client.send({"action": "send", "session_id": "s", "message": "long"})
    while "phase" in await client.event("response"):
        pass
    await client.send({"action": "cancel", "session_id": "s"})
    events = await client.turn()
    assert events[-1]["event"] == "cancelled"
    await ollama.disconnected.wait()


async def test_when_nothing_can_answer_one_error_says_what_to_do(folder: Path) -> None:
    url = await refused_url()
    async with (
        running_daemon(folder, default_model="ollama/llama3.2", llm_ollama_url=url),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"})
        events = await ask_turn(client, "s", "hi")
        assert events[-1]["code"] == "no_model"
        assert "ollama serve" in events[-1]["error"]
        assert "GGUF" in events[-1]["error"]
        page = await client.ask({"action": "history", "session_id": "s"}, "history")
        assert page["history"][-1]["error"]["code"] == "no_model"
