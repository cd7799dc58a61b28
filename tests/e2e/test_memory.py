"""The memory through the whole daemon: what was told in one session is known in another."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.models import MODELS_DIR, build

from ruster.app import Daemon
from ruster.core.inference import Content, ToolCallRequest
from ruster.core.memory import Record
from ruster.core.messages import ToolCall
from ruster.testing import RawClient, ScriptedProvider, running_daemon

pytestmark = NEEDS_ENGINE


@asynccontextmanager
async def _opened(folder: Path, **settings: Any) -> AsyncIterator[tuple[Daemon, RawClient]]:
    async with (
        running_daemon(folder, **settings) as daemon,
        RawClient(folder / "r.sock") as client,
    ):
        for session in ("a", "b"):
            await client.ask({"action": "create", "session_id": session}, "created")
        yield daemon, client


async def _settled(daemon: Daemon) -> None:
    """Wait until the turns so far are kept."""
    await daemon.memory.service.settled()


async def test_a_fact_of_one_session_is_used_in_another_also_after_a_restart(folder: Path) -> None:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("trained", MODELS_DIR), models)
    settings = {
        "default_model": "llamacpp/trained",
        "agent_temperature": "0",
        "agent_repetition_penalty": "1.0",
        "skill_selector": "keywords",
        "memory_learn": "rules",
        "memory_embedding_embedder": "off",
        "tools_core": "[]",
        "tools_disabled": '["recall", "remember", "forget"]',
    }
    async with _opened(folder, **settings) as (daemon, client):
        assert said(await ask_turn(client, "a", "My cat is called Milo.")) == "Noted."
        await _settled(daemon)
        answer = said(await ask_turn(client, "b", "What is my cat called?"))
        assert answer == "Your cat is called Milo."
        why = await client.ask({"action": "why", "session_id": "b"}, "why")
        assert "Milo" in why["account"]["memories"][0]["text"]
    async with _opened(folder, **settings) as (daemon, client):
        await client.ask({"action": "create", "session_id": "c"}, "created")
        answer = said(await ask_turn(client, "c", "What is my cat called?"))
        assert answer == "Your cat is called Milo."


async def test_somebody_elses_words_taint_the_turn_they_are_brought_to(folder: Path) -> None:
    def call(name: str, **arguments: Any) -> ToolCallRequest:
        return ToolCallRequest(ToolCall("c", name, arguments))

    model = ScriptedProvider(
        [call("remember", text="The code of the red door is 4711.")],
        [Content("ok")],
        [call("shell", command="true")],
        [Content("ok")],
    )
    settings = {
        "providers": {"mine": model},
        "default_model": "mine/x",
        "skill_selector": "keywords",
        "memory_embedding_embedder": "off",
        "trust_auto_allow": '["*"]',
    }
    async with _opened(folder, **settings) as (daemon, client):
        await client.send(
            {"action": "send", "session_id": "a", "message": "keep the code of the red door"}
        )
        await client.turn()  # the user's own: nothing is asked
        session = await daemon.store.get(os.geteuid(), "a")
        scope = session.scope()
        scope.taint.mark("web:example.com")
        await daemon.memory.service.remember(scope, "The code of the blue door is 4712.")
        await client.send(
            {"action": "send", "session_id": "b", "message": "what is the code of the blue door"}
        )
        asked = await client.event("approval_required")
        assert "web:example.com" in asked["reason"]
        await client.send({"action": "reject", "approval_id": asked["approval_id"]})
        await client.turn()
    assert "4712" in model.requests[2].messages[-1].content
    assert "(from web:example.com)" in model.requests[2].messages[-1].content


async def test_deleting_a_session_leaves_nothing_of_it(folder: Path) -> None:
    model = ScriptedProvider([Content("ok")])
    settings = {
        "providers": {"mine": model},
        "default_model": "mine/x",
        "skill_selector": "keywords",
        "memory_learn": "rules",
        "memory_embedding_embedder": "off",
    }
    async with _opened(folder, **settings) as (daemon, client):
        await ask_turn(client, "a", "My cat is called Milomir.")
        await _settled(daemon)
        await ask_turn(client, "b", "What is my cat called?")
        assert "Milomir" in model.requests[-1].messages[-1].content
        await _settled(daemon)
        await client.ask({"action": "delete", "session_id": "a"}, "deleted")
        await client.ask({"action": "delete", "session_id": "b"}, "deleted")
        await client.ask({"action": "create", "session_id": "c"}, "created")
        await ask_turn(client, "c", "What is my cat called?")
        assert "Milomir" not in model.requests[-1].messages[-1].content
    for path in (folder / "data").rglob("*"):
        if path.is_file() and "logs" not in path.parts:
            assert b"Milomir" not in path.read_bytes(), path


@pytest.mark.parametrize("summaries", ["model", "extract"])
async def test_days_are_summed_up_by_a_model_where_that_is_wanted(
    folder: Path, summaries: str
) -> None:
    model = ScriptedProvider([Content("The boat leaves at nine.")])
    settings = {
        "providers": {"mine": model},
        "default_model": "mine/x",
        "memory_embedding_embedder": "off",
        "memory_upkeep_summaries": summaries,
    }
    async with _opened(folder, **settings) as (daemon, client):
        session = await daemon.store.get(os.geteuid(), "a")
        memories = daemon.memory.service.memories
        said = "The boat to Cat Ba leaves at nine in the morning."
        async with memories.lend(memories.session_file(session.folder)) as store:
            await store.insert(Record(said, ts=time.time() - 3 * 86_400, session="0/a"))
        await daemon.memory.rounds.promote()
        found = await client.ask(
            {"action": "memory_list", "session_id": "a", "layer": "insights"}, "memory_list"
        )
    (summary,) = found["memories"]
    assert summary["kind"] == "summary"
    if summaries == "model":
        assert summary["text"] == "The boat leaves at nine."
        assert said in model.requests[0].messages[1].content
    else:
        assert (summary["text"], model.requests) == (said, [])
