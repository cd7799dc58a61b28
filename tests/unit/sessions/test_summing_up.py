"""A conversation that outgrows its window goes on with notes; the history keeps all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ruster.agent.settings import AgentSettings
from ruster.core.errors import ProviderError
from ruster.core.inference import Content, InferenceRequest, Usage
from ruster.core.messages import Message, Role
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore
from ruster.testing import ScriptedProvider
from ruster.testing.scripted import Step
from tests.unit.sessions.support import UID, history, listen, open_store, say

AGENT = AgentSettings(reserve_tokens=128)
WINDOW = 1024
LONG = "word " * 120  # about 180 tokens by the estimate
NOTES = "Ann likes blue."


class Summer(ScriptedProvider):
    """Answers with ``ok``; what it is asked to sum up it answers with ``notes``."""

    def __init__(self, *notes: Step) -> None:
        super().__init__(window=WINDOW)
        self._notes: Sequence[Step] = notes

    async def stream(self, request: InferenceRequest):  # type: ignore[no-untyped-def]
        self._scripts = (self._notes,) if _is_summing(request) else ((Content("ok"),),)
        async for event in super().stream(request):
            yield event

    @property
    def summings(self) -> list[InferenceRequest]:
        return [request for request in self.requests if _is_summing(request)]

    @property
    def last(self) -> tuple[Message, ...]:
        return self.requests[-1].messages


def _is_summing(request: InferenceRequest) -> bool:
    return request.messages[-1].content.endswith("Write the notes.")


async def _fill(store: SessionStore, turns: int = 5) -> Session:
    session = await store.create(UID, "work", None, None)
    for number in range(turns):
        await say(session, f"<{number}> {LONG}")
    return session


async def test_the_oldest_turns_are_summed_up(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES), Usage(50, 5))
    async with open_store(tmp_path, providers={"pinky": provider}, agent=AGENT) as store:
        session = await _fill(store)
        listener = await listen(session, 0)
        await listener.until(event="notice", code="context_compacted")
        asked, *more = provider.summings
        assert asked.tools == ()
        assert "<0>" in asked.messages[-1].content
        assert all(NOTES in it.messages[-1].content for it in more)  # a long one, in pieces
        system, first, *_ = provider.last
        assert system.role is Role.SYSTEM
        assert first.role is Role.USER
        assert NOTES in first.content
        assert not any("<0>" in message.content for message in provider.last)
        assert "<4>" in provider.last[-1].content
        texts = [line["content"] for line in history(tmp_path / "work") if line["role"] == "user"]
        assert [text[:3] for text in texts] == ["<0>", "<1>", "<2>", "<3>", "<4>"]


async def test_the_notes_are_there_after_a_restart_and_grow(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES))
    async with open_store(tmp_path, providers={"pinky": provider}, agent=AGENT) as store:
        await _fill(store)
    again = Summer(Content("more notes"))
    async with open_store(tmp_path, providers={"pinky": again}, agent=AGENT) as store:
        session = await store.get(UID, "work")
        await say(session, "short")
        assert again.summings == []
        assert NOTES in again.last[1].content
        for number in range(5, 9):
            await say(session, f"<{number}> {LONG}")
        assert NOTES in again.summings[0].messages[-1].content  # what is known is not forgotten
        assert "more notes" in again.last[1].content


async def test_summing_up_makes_room_for_more_than_one_turn(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES))
    async with open_store(tmp_path, providers={"pinky": provider}, agent=AGENT) as store:
        session = await _fill(store)
        asked = len(provider.summings)
        assert asked
        await say(session, "short")
        assert len(provider.summings) == asked


@pytest.mark.parametrize(
    "notes",
    [(ProviderError("it broke"),), (Content("  \n"),), ()],
    ids=["error", "blank", "nothing"],
)
async def test_without_notes_the_oldest_turns_are_left_out(
    tmp_path: Path, notes: tuple[Step, ...]
) -> None:
    provider = Summer(*notes)
    async with open_store(tmp_path, providers={"pinky": provider}, agent=AGENT) as store:
        session = await _fill(store)
        listener = await listen(session, 0)
        await listener.until(event="notice", code="context_trimmed")
        assert "<0>" not in "".join(message.content for message in provider.last)
        assert not any("notes" in line for line in history(tmp_path / "work"))


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES))
    agent = AGENT.model_copy(update={"compact": False})
    async with open_store(tmp_path, providers={"pinky": provider}, agent=agent) as store:
        session = await _fill(store)
        await (await listen(session, 0)).until(event="notice", code="context_trimmed")
        assert provider.summings == []


async def test_the_model_that_sums_up_pays_from_the_same_budget(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES), Usage(50, 5))
    agent = AGENT.model_copy(update={"turn_tokens": 1000})
    async with open_store(tmp_path, providers={"pinky": provider}, agent=agent) as store:
        session = await _fill(store)
        await (await listen(session, 0)).until(event="notice", code="context_trimmed")
        assert provider.summings == []  # a whole window may not be read any more


async def test_whose_words_the_notes_may_hold_is_kept(tmp_path: Path) -> None:
    provider = Summer(Content(NOTES))
    async with open_store(tmp_path, providers={"pinky": provider}, agent=AGENT) as store:
        session = await _fill(store, 1)
        (ended,) = session.transcript._ended
        ended.messages[-1] = Message(Role.ASSISTANT, "ok", origins=("web:example.com",))
        for number in range(1, 5):
            await say(session, f"<{number}> {LONG}")
        assert session.transcript.notes_origins == ("web:example.com",)
        line = next(it for it in history(tmp_path / "work") if "through" in it)
        assert line["origins"] == ["web:example.com"]
        closing = history(tmp_path / "work")[-1]
        assert closing["origins"] == ["web:example.com"]  # it was told with the notes in view
