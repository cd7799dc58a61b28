"""A turn as the events of an inference: whole, its tokens together, ended when nobody reads."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from ruster.core.errors import ProtocolError, ProviderError, RusterError
from ruster.core.inbox import Spoken
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    ProcessStart,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.messages import Image, Message, Role
from ruster.sessions.answering import Answering
from ruster.sessions.inbox import Inbox
from ruster.sessions.store import SessionStore
from ruster.testing import ScriptedProvider
from ruster.testing.scripted import Step
from tests.unit.sessions.support import UID, listen, open_store

HELLO = Message(Role.USER, "hello")


async def told(answering: Answering, message: Message = HELLO) -> list[InferenceEvent]:
    return [event async for event in answering.stream(UID, "work", message)]


async def test_a_turn_comes_as_the_events_of_an_inference(tmp_path: Path) -> None:
    script: list[Step] = [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("Hel"),
        Content("lo"),
        Usage(5, 2, 1),
    ]
    async with open_store(tmp_path, providers={"pinky": ScriptedProvider(script)}) as store:
        events = await told(Answering(lambda: store))
        assert await Answering(lambda: store).sessions(UID) == ["work"]
    assert isinstance(events[0], ProcessStart)
    text = "".join(it.text for it in events if isinstance(it, Content))
    thoughts = "".join(it.text for it in events if isinstance(it, Thought))
    assert (text, thoughts) == ("Hello", "hm")
    assert isinstance(events[-2], Usage)
    assert (events[-2].prompt, events[-2].completion, events[-2].cached) == (5, 2, 1)
    assert events[-1] == Complete(FinishReason.STOP)


async def test_a_turn_that_fails_is_an_error_with_its_code(tmp_path: Path) -> None:
    broken = ScriptedProvider([ProviderError("it is gone", code="provider_failed")])
    async with open_store(tmp_path, providers={"pinky": broken}) as store:
        with pytest.raises(RusterError) as caught:
            await told(Answering(lambda: store))
    assert caught.value.code == "provider_failed"


async def test_a_reader_who_leaves_ends_the_turn(tmp_path: Path) -> None:
    slow = ScriptedProvider([Content("one"), 30.0, Content("two")])
    async with open_store(tmp_path, providers={"pinky": slow}) as store:
        async with aclosing(Answering(lambda: store).stream(UID, "work", HELLO)) as events:
            async for event in events:
                if isinstance(event, Content):
                    break
        session = await store.get(UID, "work")
        async with asyncio.timeout(5):
            await session.finished()
        assert slow.closed_early == 1
        assert not session.stream.watched


async def test_who_reads_a_turn_is_nobody_who_could_answer(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        session = await store.create(UID, "work", None, None)
        await Inbox(lambda: store).tell(Spoken(UID, "work", "tea", "job:tea", "e-1"))
        seen = []

        def look(line: bytes | None) -> None:
            seen.append(session.stream.attended)

        session.stream.observe(look)
        await told(Answering(lambda: store))
        assert set(seen) == {False}
        later = await listen(session)  # what was said unasked still waits for a person
        assert [it["message"] for it in later.events if it["event"] == "proactive"] == ["tea"]


async def test_a_stop_in_the_middle_is_told_and_the_answer_comes_after_the_start(
    tmp_path: Path,
) -> None:
    slow = ScriptedProvider([Content("one"), 30.0, Content("two")])
    begun, failed = asyncio.Event(), list[RusterError]()

    async def read(store: SessionStore) -> None:
        try:
            async for event in Answering(lambda: store).stream(UID, "work", HELLO):
                if isinstance(event, Content):
                    begun.set()
        except RusterError as error:
            failed.append(error)

    async with open_store(tmp_path, providers={"pinky": slow}) as store:
        reading = asyncio.ensure_future(read(store))
        async with asyncio.timeout(10):
            await begun.wait()
            await store.aclose(0)
            await reading
    assert [error.code for error in failed] == ["shutting_down"]
    async with open_store(tmp_path) as store:
        session = await store.get(UID, "work")
        async with asyncio.timeout(10):
            await session.finished()
        page, _ = await session.history(0, 10)
    assert page[-1]["end"] == "done"


async def test_a_name_that_is_none_makes_no_session(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        with pytest.raises(ProtocolError):
            async for _ in Answering(lambda: store).stream(UID, "../x", HELLO):
                pass
        assert await store.infos(UID) == []


async def test_a_session_is_shown_the_pictures(tmp_path: Path) -> None:
    provider = ScriptedProvider([Content("A cat.")])
    shown = Message(Role.USER, "What is it?", images=(Image(b"GIF89a", "image/gif"),))
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await told(Answering(lambda: store), shown)
    assert provider.requests[0].messages[-1].images == shown.images
