"""Sessions under load, during deletion, on a failing disk, and with models that misbehave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.agent.settings import AgentSettings
from ruster.core.errors import RusterError, SessionError, StorageError
from ruster.core.inference import (
    Content,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
)
from ruster.core.messages import Image, Role, ToolCall
from ruster.core.ports import ModelInfo
from ruster.protocol.commands import SendMode
from ruster.storage.disk import Disk
from ruster.testing import ManualClock, ScriptedProvider
from tests.unit.sessions.support import (
    UID,
    Listener,
    history,
    listen,
    open_files,
    open_store,
    say,
)


class GatedProvider:
    """Says ``begun``, then waits for ``gate`` in every turn."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.requests: list[InferenceRequest] = []

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        self.requests.append(request)
        yield ProcessStart()
        yield Content("begun")
        await self.gate.wait()
        yield Content(" and done")

    async def models(self) -> list[ModelInfo]:
        return []

    async def context_size(self, model: str) -> int | None:
        return None

    async def aclose(self) -> None:
        return


class RogueProvider(GatedProvider):
    """Ignores its cancellation until ``gate`` opens."""

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        yield ProcessStart()
        yield Content("begun")
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                continue
        yield Content(" too late")


class GatedDisk(Disk):
    """Flushes only while ``gate`` is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def sync(self, fd: int) -> None:
        if not self.gate.is_set():
            self.waiting.set()
            assert self.gate.wait(20)
        super().sync(fd)


async def test_queue_full_says_so_and_nothing_is_kept(tmp_path: Path) -> None:
    provider = GatedProvider()
    async with open_store(tmp_path, providers={"pinky": provider}, max_queued=3) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await session.send("running", SendMode.QUEUE, None)
        await listener.until(delta="begun")
        sent = [await session.send(f"{n}", SendMode.QUEUE, None) for n in range(3)]
        with pytest.raises(SessionError) as caught:
            await session.send("too many", SendMode.QUEUE, None)
        assert caught.value.code == "queue_full"
        provider.gate.set()
        await asyncio.gather(*(queued.finished for queued in sent))
    assert "too many" not in str(history(tmp_path / "work"))
    assert [line["end"] for line in history(tmp_path / "work") if "end" in line] == ["done"] * 4


async def test_steering_has_a_bound_too(tmp_path: Path) -> None:
    provider = GatedProvider()
    async with open_store(tmp_path, providers={"pinky": provider}, max_queued=3) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await session.send("running", SendMode.QUEUE, None)
        await listener.until(delta="begun")
        for n in range(3):
            await session.send(f"{n}", SendMode.STEER, None)
        with pytest.raises(SessionError) as caught:
            await session.send("too many", SendMode.STEER, None)
        assert caught.value.code == "queue_full"
        provider.gate.set()
        await listener.end()


async def test_a_message_is_not_accepted_before_the_disk_has_it(tmp_path: Path) -> None:
    disk = GatedDisk()
    async with open_store(tmp_path, disk=disk) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        disk.gate.clear()
        sending = asyncio.ensure_future(session.send("hello", SendMode.QUEUE, None))
        assert await asyncio.to_thread(disk.waiting.wait, 20)
        assert listener.lines == []
        assert not sending.done()
        disk.gate.set()
        await (await sending).finished
        assert listener.events[0]["event"] == "accepted"


async def test_deleting_while_a_message_is_being_accepted(tmp_path: Path) -> None:
    """Neither this user's nor anybody else's commands may hang, and names are free again."""
    disk = GatedDisk()
    async with open_store(tmp_path, disk=disk) as store, asyncio.timeout(20):
        session = await store.create(UID, "work", None, None)
        other = await store.create(UID + 1, "other", None, None)
        listener = await listen(session)
        disk.gate.clear()
        first = asyncio.ensure_future(other.send("hello", SendMode.QUEUE, None))
        assert await asyncio.to_thread(disk.waiting.wait, 20)
        sending = asyncio.ensure_future(session.send("hello", SendMode.QUEUE, None))
        await asyncio.sleep(0)
        deleting = asyncio.ensure_future(store.delete(UID, "work"))
        await asyncio.sleep(0)
        late = asyncio.ensure_future(store.get(UID, "work"))
        disk.gate.set()
        with pytest.raises(SessionError) as caught:
            await late
        assert caught.value.code == "session_not_found"
        await deleting
        await (await sending).finished
        await (await first).finished
        assert (await listener.until(event="deleted"))["session_id"] == "work"
        await store.create(UID, "work", None, None)
        assert history(tmp_path / "work") == []


class _State:
    """Forgets sessions, or fails to."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.broken = False

    async def forget(self, session_key: str) -> None:
        if self.broken:
            raise OSError(30, "read-only")
        self.forgotten.append(session_key)


async def test_what_others_keep_of_a_session_goes_with_it(tmp_path: Path) -> None:
    state = _State()
    async with open_store(tmp_path, state=state) as store:
        await say(await store.create(UID, "work", None, None), "hello")
        state.broken = True
        with pytest.raises(StorageError, match="read-only"):
            await store.delete(UID, "work")
        assert (await store.get(UID, "work")).id == "work"  # it is still there, to try again
        state.broken = False
        await store.delete(UID, "work")
        assert state.forgotten == [f"{UID}/work"]
        with pytest.raises(SessionError):
            await store.get(UID, "work")


async def test_deleting_twice_at_once(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, None)
        results = await asyncio.gather(
            store.delete(UID, "work"), store.delete(UID, "work"), return_exceptions=True
        )
        assert results[0] is None
        assert isinstance(results[1], SessionError)
        assert results[1].code == "session_not_found"


async def test_a_stop_in_the_middle_of_accepting_keeps_the_message(tmp_path: Path) -> None:
    disk = GatedDisk()
    async with open_store(tmp_path, disk=disk) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        disk.gate.clear()
        sending = asyncio.ensure_future(session.send("hello", SendMode.QUEUE, None))
        assert await asyncio.to_thread(disk.waiting.wait, 20)
        closing = asyncio.ensure_future(store.aclose(0.1))
        await asyncio.sleep(0)
        disk.gate.set()
        await closing
        await (await sending).finished
        assert listener.events[0]["event"] == "accepted"
    async with open_store(tmp_path) as store:
        session = await store.get(UID, "work")
        assert (await (await listen(session, 0)).end())["done"]


async def test_attached_clients_follow_a_session_that_is_opened_anew(tmp_path: Path) -> None:
    class FailingDisk(Disk):
        failing = False

        def sync(self, fd: int) -> None:
            if self.failing:
                raise StorageError("cannot flush to the disk: I/O error")
            super().sync(fd)

    disk = FailingDisk()
    async with open_store(tmp_path, disk=disk) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "before")
        listener, gone = await listen(session), Listener()
        await session.attach(gone, None)
        disk.failing = True
        with pytest.raises(StorageError):
            await session.send("lost", SendMode.QUEUE, None)
        disk.failing = False
        gone.closed = True
        store.leave(UID, "work", gone)
        session = await store.get(UID, "work")
        await say(session, "after")
        await listener.until(event="response", delta="after")
        assert listener.seqs == list(range(6, 6 + len(listener.seqs)))
        store.leave(UID, "work", listener)
        assert not session.stream.watched


async def test_idle_sessions_are_closed_and_opened_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store(tmp_path, clock=clock, max_loaded=2) as store:
        for n in range(5):
            await say(await store.create(UID, f"s{n}", None, None), f"hello {n}")
            clock.advance(60)
        assert store.open_count == 2
        for n in range(5):
            page, total = await (await store.get(UID, f"s{n}")).history(0, 10)
            assert (total, page[0]["content"]) == (2, f"hello {n}")
            clock.advance(60)
        assert store.open_count == 2


async def test_a_session_that_somebody_was_just_given_is_not_closed_under_them(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with open_store(tmp_path, clock=clock, max_loaded=2) as store:
        for n in range(5):
            await store.create(UID, f"s{n}", None, None)
            clock.advance(60)
        given = await asyncio.gather(*(store.get(UID, f"s{n}") for n in range(5)))
        for session in given:
            listener = await listen(session)  # closed meanwhile, this would fail
            session.stream.detach(listener)
        clock.advance(60)
        await store.create(UID, "more", None, None)
        assert store.open_count == 2


async def test_a_session_in_use_is_not_closed(tmp_path: Path) -> None:
    class Slow(Listener):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.waiting = asyncio.Event(), asyncio.Event()

        async def drained(self) -> None:
            self.waiting.set()
            await self.gate.wait()

    clock = ManualClock()
    async with open_store(tmp_path, clock=clock, max_loaded=1, recent_events_bytes=4096) as store:
        session = await store.create(UID, "first", None, None)
        for n in range(60):
            await say(session, f"{n} " * 200)
        slow = Slow()
        attaching = asyncio.ensure_future(session.attach(slow, 0))
        await slow.waiting.wait()
        for n in range(3):
            clock.advance(60)
            await store.create(UID, f"other{n}", None, None)
        slow.gate.set()
        await attaching
        assert slow.seqs == list(range(1, session.stream.told_seq + 1))
        assert await store.get(UID, "first") is session


async def test_a_rogue_model_cannot_hold_up_a_cancel(tmp_path: Path) -> None:
    rogue = RogueProvider()
    async with open_store(tmp_path, providers={"pinky": rogue}, cancel_patience_s=0.05) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await session.send("hello", SendMode.QUEUE, None)
        await listener.until(delta="begun")
        assert session.cancel()[0] is not None
        assert session.cancel() == (None, 0)
        await listener.until(event="cancelled")
        rogue.gate.set()
        await say(session, "again")
    lines = history(tmp_path / "work")
    assert [(x["end"], x["content"]) for x in lines if "end" in x] == [
        ("cancelled", "begun"),
        ("done", "begun too late"),
    ]
    assert " too late" not in str(lines[1])


async def test_cancel_drops_the_queue_when_asked(tmp_path: Path) -> None:
    provider = GatedProvider()
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        sent = [await session.send("a", SendMode.QUEUE, None)]
        await listener.until(delta="begun")
        sent += [await session.send(f"{n}", SendMode.QUEUE, None) for n in range(3)]
        assert session.cancel(queued=True) == (sent[0].id, 3)
        await asyncio.gather(*(queued.finished for queued in sent))
        cancelled = {e["turn"] for e in listener.events if e["event"] == "cancelled"}
        assert cancelled == {queued.id for queued in sent}
        assert listener.seqs == list(range(1, len(listener.seqs) + 1))


async def test_interrupt_goes_first(tmp_path: Path) -> None:
    provider = GatedProvider()
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await session.send("slow", SendMode.QUEUE, None)
        await listener.until(delta="begun")
        waiting = await session.send("waiting", SendMode.QUEUE, None)
        urgent = await session.send("urgent", SendMode.INTERRUPT, None)
        await listener.until(event="cancelled", reason="interrupt")
        provider.gate.set()
        await asyncio.gather(waiting.finished, urgent.finished)
    asked = [request.messages[-1].content for request in provider.requests]
    assert [text.rsplit("\n")[-1] for text in asked] == ["slow", "urgent", "waiting"]


async def test_steering_is_seen_at_the_next_step(tmp_path: Path) -> None:
    provider = GatedProvider()
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        first = await session.send("first", SendMode.QUEUE, "a")
        await listener.until(delta="begun")
        steered = await session.send("more", SendMode.STEER, "b")
        assert steered.id == first.id
        provider.gate.set()
        await first.finished
    last = provider.requests[-1].messages
    assert [(m.role.value, m.content) for m in last[1:]] == [
        ("user", "first"),
        ("assistant", "begun and done"),
        ("user", "more"),
    ]
    lines = history(tmp_path / "work")
    assert [line.get("end") for line in lines].count("done") == 1


async def test_tool_calls_and_results_go_round(tmp_path: Path) -> None:
    call = ToolCallRequest(ToolCall("c1", "no_such_tool", {"x": 1}))
    provider = ScriptedProvider([Content("looking"), call], [Content("found nothing")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "search")
        told = await listener.until(event="tool_call", phase="end")
        assert told["arguments"] == {"x": 1}
        assert "no tool named" in told["result_preview"]
        phases = [e["delta"] for e in listener.events if e.get("phase") == "thinking"]
        assert phases == ["Thinking...", "Refining..."]
    roles = [m.role for m in provider.requests[1].messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL]
    assert provider.requests[1].messages[-1].tool_call_id == "c1"
    stored = [line["role"] for line in history(tmp_path / "work")]
    assert stored == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    ("script", "settings", "code", "kept"),
    [
        ([ToolCallRequest(ToolCall("c", "t"))], {"max_rounds": 3}, "too_many_rounds", ""),
        ([Content("x" * 600)] * 3, {"max_answer_bytes": 1024}, "answer_too_large", "x" * 1200),
        (
            [Thought(ThoughtPhase.DELTA, "x" * 600)] * 3,
            {"max_answer_bytes": 1024},
            "answer_too_large",
            "",
        ),
        ([Content("a"), RusterError("odd")], {}, "internal", "a"),
    ],
)
async def test_a_turn_that_fails_keeps_what_was_said(
    tmp_path: Path,
    script: list[InferenceEvent],
    settings: dict[str, int],
    code: str,
    kept: str,
) -> None:
    provider = ScriptedProvider(script)
    agent = AgentSettings(**settings)
    async with open_store(tmp_path, providers={"pinky": provider}, agent=agent) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "go")
        assert (await listener.until(event="error"))["code"] == code
    last = history(tmp_path / "work")[-1]
    assert (last["end"], last["content"], last["error"]["code"]) == ("error", kept, code)


@pytest.mark.parametrize("shown", [True, False])
async def test_thoughts_are_told_or_hidden_and_never_part_of_the_answer(
    tmp_path: Path, shown: bool
) -> None:
    script: list[InferenceEvent] = [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hmm"),
        Thought(ThoughtPhase.STOP),
        Content("answer"),
    ]
    provider = ScriptedProvider(script)
    agent = AgentSettings(show_thinking=shown)
    async with open_store(tmp_path, providers={"pinky": provider}, agent=agent) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "go")
        thoughts = [e for e in listener.events if e["event"] == "thought"]
        assert [t["phase"] for t in thoughts] == (["start", "delta", "stop"] if shown else [])
    assert history(tmp_path / "work")[-1]["content"] == "answer"


@pytest.mark.parametrize("text", ["half \ud83d of a pair", "\udcff", "nul \0 too"])
async def test_text_that_has_no_utf8_does_not_leave_a_turn_without_an_end(
    tmp_path: Path, text: str
) -> None:
    call = ToolCallRequest(ToolCall("c1", text, {text: text}))
    provider = ScriptedProvider([Content(text), call], [Content(text)], [Content("fine")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "first")
        await say(session, "second")
        assert session.running_turn is None
    async with open_store(tmp_path) as store:
        page, total = await (await store.get(UID, "work")).history(0, 100)
        assert [line["end"] for line in page if "end" in line] == ["done", "done"]
        assert total == len(page)


@pytest.mark.parametrize(
    "title", ["", "plain", '"\\', "\0\x01\x7f\x85\u2028", "'''", "a\r\nb", "🦀"]
)
async def test_any_title_is_read_back(tmp_path: Path, title: str) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, title)
    async with open_store(tmp_path) as store:
        await store.get(UID, "work")
        assert [info.title for _, info in await store.infos(UID)] == [title]


async def test_a_session_that_cannot_be_opened_leaves_no_descriptor(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "work", None, None)
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad" / "session.toml").write_bytes(
            (tmp_path / "work" / "session.toml").read_bytes()
        )
        (tmp_path / "bad" / "events.jsonl").mkdir()
        before = open_files()
        for _ in range(5):
            with pytest.raises(StorageError):
                await store.get(UID, "bad")
        assert open_files() == before


async def test_a_damaged_session_file_hides_no_other_session(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(UID, "good", None, None)
        await store.create(UID, "bad", None, None)
    (tmp_path / "bad" / "session.toml").write_bytes(b"\xff\x00 not toml")
    async with open_store(tmp_path) as store:
        assert [name for name, _ in await store.infos(UID)] == ["good"]
        with pytest.raises(StorageError):
            await store.get(UID, "bad")


async def test_a_limit_of_sessions_per_user(tmp_path: Path) -> None:
    async with open_store(tmp_path, max_per_owner=2) as store:
        await store.create(UID, "a", None, None)
        await store.create(UID, "b", None, None)
        with pytest.raises(SessionError) as caught:
            await store.create(UID, "c", None, None)
        assert caught.value.code == "session_limit"
        await store.create(UID, "a", "pinky/slow", None)
        await store.create(UID + 1, "c", None, None)


async def test_pictures_are_shown_kept_and_shown_again(tmp_path: Path) -> None:
    picture = Image(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png")
    provider = ScriptedProvider([Content("A cat.")], [Content("Still a cat.")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        queued = await session.send("What is this?", SendMode.QUEUE, None, (picture,))
        await queued.finished
        (accepted,) = [it for it in listener.events if it["event"] == "accepted"]
        assert accepted["images"] == 1
        lines, _ = await session.history(0, 10)
        assert lines[0]["images"] == [{"media_type": "image/png", "size_bytes": len(picture.data)}]
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await say(await store.get(UID, "work"), "And now?")
    first, second = provider.requests
    assert first.messages[-1].images == (picture,)
    assert [it.images for it in second.messages if it.role is Role.USER] == [(picture,), ()]
