"""The trained model through the whole daemon: what was told in one turn is known in a later one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.models import MODELS_DIR, build

from ruster.testing import RawClient, running_daemon

pytestmark = NEEDS_ENGINE


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[RawClient]:
    """A client of a daemon whose sessions talk to the trained model."""
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("trained", MODELS_DIR), models)
    async with (
        running_daemon(
            folder,
            default_model="llamacpp/trained",
            agent_temperature="0",
            agent_repetition_penalty="1.0",
        ),
        RawClient(folder / "r.sock") as client,
    ):
        yield client


async def test_a_fact_of_the_first_turn_is_known_in_the_third(client: RawClient) -> None:
    for session, cat in (("a", "Milo"), ("b", "Gustl")):
        await client.ask({"action": "create", "session_id": session})
        assert said(await ask_turn(client, session, f"My cat is called {cat}.")) == "Noted."
        await ask_turn(client, session, "Hello!")
        answer = said(await ask_turn(client, session, "What is my cat called?"))
        assert answer == f"Your cat is called {cat}."


async def test_a_fact_of_another_session_is_not_known(client: RawClient) -> None:
    for session in ("a", "b"):
        await client.ask({"action": "create", "session_id": session})
    await ask_turn(client, "a", "The code of the red door is 4711.")
    assert "4711" in said(await ask_turn(client, "a", "What is the code of the red door?"))
    assert "4711" not in said(await ask_turn(client, "b", "What is the code of the red door?"))
