"""What stays of a conversation."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.core.inference import Content, InferenceEvent, Notice, Usage
from ruster.core.messages import Role
from ruster.genius import Genius
from ruster.ogenius.conversation import Conversation
from ruster.testing import ScriptedProvider
from ruster.testing.daemon import environment_for
from tests.engine_support import NEEDS_ENGINE
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT


def _genius(folder: Path, *scripts: list[object]) -> tuple[Genius, ScriptedProvider]:
    provider = ScriptedProvider(*scripts)  # type: ignore[arg-type]
    environment = environment_for(folder)
    given = {"scripted": provider}
    return Genius("scripted/any", environment=environment, providers=given), provider


async def _all(events: AsyncIterator[InferenceEvent]) -> list[InferenceEvent]:
    return [event async for event in events]


def _roles(provider: ScriptedProvider) -> list[Role]:
    return [message.role for message in provider.requests[-1].messages]


async def test_every_message_comes_with_all_before(folder: Path) -> None:
    genius, provider = _genius(folder, [Content("one")], [Content("two")])
    async with genius:
        talk = Conversation(genius, show_thinking=False)
        await _all(talk.say("a"))
        await _all(talk.say("b"))
    texts = [message.content for message in provider.requests[-1].messages]
    assert texts == ["a", "one", "b"]
    assert not provider.requests[-1].config.behaviour.show_thinking
    assert provider.requests[0].session == provider.requests[1].session is not None


async def test_what_was_said_until_it_was_ended_stays(folder: Path) -> None:
    genius, provider = _genius(folder, [Content("one "), Content("two"), 60.0], [Content("ok")])
    async with genius:
        talk = Conversation(genius, show_thinking=True)
        async with aclosing(talk.say("count")) as events:  # type: ignore[type-var]
            async for event in events:
                if event == Content("two"):
                    break
        await _all(talk.say("go on"))
    texts = [message.content for message in provider.requests[-1].messages]
    assert texts == ["count", "one two", "go on"]


async def test_a_message_that_failed_does_not_stay(folder: Path) -> None:
    genius, provider = _genius(folder, [ModelError("broken")], [Content("ok")])
    async with genius:
        talk = Conversation(genius, show_thinking=True)
        with pytest.raises(ModelError):
            await _all(talk.say("first"))
        await _all(talk.say("second"))
    assert [message.content for message in provider.requests[-1].messages] == ["second"]


async def test_the_oldest_messages_go_until_it_fits(folder: Path) -> None:
    full = ModelError("too long", code="context_overflow")
    genius, provider = _genius(
        folder, [Content("1")], [Content("2")], [full], [full], [Content("3")], [full]
    )
    async with genius:
        talk = Conversation(genius, show_thinking=True)
        for text in ("a", "b"):
            await _all(talk.say(text))
        events = await _all(talk.say("c"))
        assert [event.code for event in events if isinstance(event, Notice)] == [
            "context_trimmed",
            "context_trimmed",
        ]
        assert [message.content for message in provider.requests[-1].messages] == ["c"]
        with pytest.raises(ModelError, match="too long"):
            await _all(talk.say("d"))
        assert _roles(provider) == [Role.USER]


@pytest.mark.engine
@NEEDS_ENGINE[1]
async def test_the_engine_reads_only_what_is_new(folder: Path) -> None:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("scripted", MODELS_DIR), models)
    async with Genius("scripted", environment=environment_for(folder)) as genius:
        talk = Conversation(genius, show_thinking=True)
        used = []
        for _ in range(2):
            events = await _all(talk.say("Hello!"))
            used += [event for event in events if isinstance(event, Usage)]
            assert "".join(it.text for it in events if isinstance(it, Content)) == DEFAULT.answer
    assert used[0].cached < used[1].cached < used[1].prompt
    await talk.aclose()
