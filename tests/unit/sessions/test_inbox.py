"""What no client says: told, kept for who comes later, shown to the model, answered, taken once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ruster.core.errors import SessionError, StorageError
from ruster.core.inbox import Spoken, TurnEnd
from ruster.core.inference import Content, InferenceRequest
from ruster.sessions.inbox import Inbox
from ruster.testing import LossyDisk, ScriptedProvider
from tests.unit.sessions.support import UID, Listener, history, listen, open_store, say


def spoken(text: str, key: str = "e-1", **more: object) -> Spoken:
    fields = {"owner": UID, "session_id": "work", "source": "job:tea"} | more
    return Spoken(text=text, key=key, **fields)  # type: ignore[arg-type]


def proactive(listener: Listener) -> list[str]:
    return [it["message"] for it in listener.events if it["event"] == "proactive"]


async def test_all_attached_are_told_and_nobody_else(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        work = await store.create(UID, "work", None, None)
        play = await store.create(UID, "play", None, None)
        first, second, other = await listen(work), await listen(work), await listen(play)
        assert await Inbox(lambda: store).tell(spoken("Tea is ready"))
        await asyncio.sleep(0)
        assert proactive(first) == proactive(second) == ["Tea is ready"]
        assert proactive(other) == []
        assert first.events[-1]["source"] == "job:tea"
        assert first.events[-1]["seq"] == 1


async def test_who_comes_later_is_told_once_even_after_a_restart(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, None)
        inbox = Inbox(lambda: store)
        assert not await inbox.tell(spoken("one", "e-1"))
        assert not await inbox.tell(spoken("two", "e-2"))
    async with open_store(tmp_path) as store:
        assert proactive(await listen(await store.get(UID, "work"))) == ["one", "two"]
        assert proactive(await listen(await store.get(UID, "work"))) == []
    async with open_store(tmp_path) as store:
        assert proactive(await listen(await store.get(UID, "work"))) == []


async def test_a_cursor_brings_it_in_its_place_and_it_counts_as_seen(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        session = await store.create(UID, "work", None, None)
        await Inbox(lambda: store).tell(spoken("one"))
        listener = Listener()
        await session.attach(listener, 0)
        assert proactive(listener) == ["one"]
        assert proactive(await listen(await store.get(UID, "work"))) == []


async def test_the_same_key_is_taken_once(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, None)
        inbox = Inbox(lambda: store)
        for _ in range(3):
            await inbox.tell(spoken("one"))
            await inbox.note(spoken("two", "e-2"))
    async with open_store(tmp_path) as store:
        await Inbox(lambda: store).tell(spoken("one"))
        assert proactive(await listen(await store.get(UID, "work"))) == ["one"]
    assert [it["content"] for it in history(tmp_path / "work") if it["role"] == "event"] == [
        "one",
        "two",
    ]


async def test_the_model_is_shown_it_with_the_next_message_and_its_origin_taints(
    tmp_path: Path,
) -> None:
    provider = ScriptedProvider([Content("fine")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await store.create(UID, "work", None, None)
        inbox = Inbox(lambda: store)
        await inbox.tell(spoken("Tea is ready", "e-1"))
        await inbox.note(spoken("disk full", "e-2", source="server:disk", origins=("server:disk",)))
        await say(await store.get(UID, "work"), "thanks")
        await say(await store.get(UID, "work"), "bye")
    first, second = (user_texts(it) for it in provider.requests)
    shown = (
        "Said to the user unasked (job:tea): Tea is ready\n\n"
        "Background Event (server:disk): disk full\n\nthanks"
    )
    assert first == [shown]
    assert second == [shown, "bye"]
    last = next(it for it in history(tmp_path / "work") if it.get("end"))
    assert last["origins"] == ["server:disk"]


async def test_what_waits_is_shown_after_a_restart_too(tmp_path: Path) -> None:
    provider = ScriptedProvider([Content("fine")])
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, None)
        await Inbox(lambda: store).note(spoken("rain"))
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await say(await store.get(UID, "work"), "hello")
    assert user_texts(provider.requests[0]) == ["Background Event (job:tea): rain\n\nhello"]


async def test_only_so_much_waits_the_oldest_goes(tmp_path: Path) -> None:
    provider = ScriptedProvider([Content("fine")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await store.create(UID, "work", None, None)
        for number in range(60):
            await Inbox(lambda: store).note(spoken(f"event {number}.", f"e-{number}"))
        await say(await store.get(UID, "work"), "hello")
    (text,) = user_texts(provider.requests[0])
    assert "event 9." not in text
    assert "event 10." in text
    assert "event 59." in text


async def test_a_message_of_a_job_is_answered_in_a_turn_and_reported(tmp_path: Path) -> None:
    provider = ScriptedProvider([Content("three mails")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await store.create(UID, "work", None, None)
        listener = await listen(await store.get(UID, "work"))
        inbox = Inbox(lambda: store)
        report = await inbox.ask(spoken("Look at my mail", "t-job"))
        again = await inbox.ask(spoken("Look at my mail", "t-job"))
    assert report == again
    assert (report.end, report.text) == (TurnEnd.DONE, "three mails")
    assert len(provider.requests) == 1
    accepted = next(it for it in listener.events if it["event"] == "accepted")
    assert (accepted["source"], accepted["turn"]) == ("job:tea", "t-job")


async def test_a_turn_that_takes_too_long_or_too_much_is_ended(tmp_path: Path) -> None:
    gate = asyncio.Event()

    class Slow(ScriptedProvider):
        async def stream(self, request: InferenceRequest):  # type: ignore[no-untyped-def]
            await gate.wait()
            yield Content("never")

    async with open_store(tmp_path, providers={"pinky": Slow([])}) as store:
        await store.create(UID, "work", None, None)
        inbox = Inbox(lambda: store)
        report = await inbox.ask(spoken("hello", "t-slow"), timeout_s=0.05)
        assert report.end is TurnEnd.CANCELLED
        report = await inbox.ask(spoken("hello", "t-much"), max_tokens=1)
        assert report.end is TurnEnd.ERROR
        assert "this turn has taken" in report.text


async def test_no_session_and_too_long_texts_are_refused(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        inbox = Inbox(lambda: store)
        with pytest.raises(SessionError) as caught:
            await inbox.tell(spoken("one"))
        assert caught.value.code == "session_not_found"
        await store.create(UID, "work", None, None)
        with pytest.raises(SessionError) as caught:
            await inbox.note(spoken("x" * (600 * 1024)))
        assert caught.value.code == "message_too_large"


async def test_a_full_disk_keeps_nothing_and_tells_nobody(tmp_path: Path) -> None:
    disk = LossyDisk()
    async with open_store(tmp_path, disk=disk) as store:
        await store.create(UID, "work", None, None)
        listener = await listen(await store.get(UID, "work"))
        disk.fail_with = StorageError("no space")
        with pytest.raises(StorageError):
            await Inbox(lambda: store).tell(spoken("one"))
        disk.fail_with = None
        assert await Inbox(lambda: store).tell(spoken("one"))
        await asyncio.sleep(0)
        assert proactive(listener) == ["one"]


def user_texts(request: InferenceRequest) -> list[str]:
    return [it.content for it in request.messages if it.role == "user"]
