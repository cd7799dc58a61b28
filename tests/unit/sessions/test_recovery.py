"""What is owed after a stop: answered once, closed if old, complete in both files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import StorageError
from ruster.core.inference import Content
from ruster.core.messages import Message, Role
from ruster.protocol.commands import SendMode
from ruster.sessions.records import Record, message_record, restart_record, user_record
from ruster.sessions.sender import Sender
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore
from ruster.storage.disk import Disk
from ruster.storage.journal import Journal
from ruster.testing import ManualClock, ScriptedProvider
from tests.unit.sessions.support import UID, history, listen, open_store, say, stored_events

NOW = ManualClock().now()


async def make(root: Path, *records: Record, events: tuple[dict[str, Any], ...] = ()) -> Path:
    """Create a session and write what a killed daemon left in it."""
    async with open_store(root) as store:
        await store.create(UID, "work", None, None)
    folder = root / "work"
    for name, lines in (("history", records), ("events", events)):
        journal = Journal(folder / f"{name}.jsonl", Disk())
        for line in lines:
            journal.append_record(line)
        journal.close()
    return folder


def asked(turn: str, text: str, seq: int, *, age_s: float = 0, mode: str = "queue") -> Record:
    return user_record(
        turn, Message(Role.USER, text), seq=seq, mode=mode, at=NOW - age_s, sender=Sender("id-1")
    )


def accepted(turn: str, text: str, seq: int) -> dict[str, Any]:
    return {
        "event": "accepted",
        "session_id": "work",
        "message": text,
        "mode": "queue",
        "waiting": 0,
        "turn": turn,
        "seq": seq,
        "id": "id-1",
    }


def ends(folder: Path) -> list[tuple[str, str]]:
    return [(line["turn"], line["end"]) for line in history(folder) if "end" in line]


async def settled(store: SessionStore) -> Session:
    """Open the session and wait until it has nothing more to do."""
    session = await store.get(UID, "work")
    await session.finished()
    return session


def check_numbers(folder: Path) -> None:
    numbers = [event["seq"] for event in stored_events(folder)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_young_message_is_answered_once(tmp_path: Path) -> None:
    folder = await make(
        tmp_path, asked("t-1", "hello", 1, age_s=599), events=(accepted("t-1", "hello", 1),)
    )
    async with open_store(tmp_path) as store:
        session = await settled(store)
        listener = await listen(session, 0)
        kinds = [event["event"] for event in listener.events]
        assert kinds == ["accepted", "notice", "response", "response", "usage", "response"]
        assert listener.events[1]["code"] == "turn_restarted"
        assert {event["id"] for event in listener.events} == {"id-1"}
    async with open_store(tmp_path) as store:
        await settled(store)
    assert ends(folder) == [("t-1", "done")]
    assert [line["content"] for line in history(folder) if line["role"] == "assistant"] == ["hello"]
    check_numbers(folder)


async def test_an_old_message_is_closed_and_told_to_whoever_attaches(tmp_path: Path) -> None:
    folder = await make(
        tmp_path, asked("t-1", "hello", 1, age_s=601), events=(accepted("t-1", "hello", 1),)
    )
    async with open_store(tmp_path) as store:
        session = await settled(store)
        first = await listen(session)
        notice = await first.until(event="notice", code="message_expired")
        assert "hello" in notice["message"]
        replayed = await listen(session, 1)
        assert (await replayed.until(event="error"))["code"] == "message_expired"
        assert not [e for e in replayed.events if e["event"] == "notice"]
    assert ends(folder) == [("t-1", "expired")]
    async with open_store(tmp_path) as store:
        await settled(store)
    assert ends(folder) == [("t-1", "expired")]


async def test_a_message_that_keeps_killing_the_daemon_is_given_up(tmp_path: Path) -> None:
    folder = await make(tmp_path, asked("t-1", "poison", 1), events=(accepted("t-1", "poison", 1),))
    for restarts in range(3):
        for _ in range(restarts - len([x for x in history(folder) if "restarted" in x])):
            journal = Journal(folder / "history.jsonl", Disk())
            journal.append_record(restart_record("t-1", NOW))
            journal.close()
    journal = Journal(folder / "history.jsonl", Disk())
    journal.append_record(restart_record("t-1", NOW))
    journal.close()
    async with open_store(tmp_path) as store:
        session = await settled(store)
        listener = await listen(session)
        notice = await listener.until(code="message_expired")
        assert "kept stopping the daemon" in notice["message"]
    assert ends(folder) == [("t-1", "expired")]


async def test_a_restart_forgets_the_half_done_turn_but_not_what_was_said(tmp_path: Path) -> None:
    half = message_record("t-1", Message(Role.ASSISTANT, "half an answer"), NOW)
    folder = await make(
        tmp_path,
        asked("t-1", "first", 1),
        half,
        asked("t-1", "more", 2, mode="steer"),
        events=(accepted("t-1", "first", 1), accepted("t-1", "more", 2)),
    )
    provider = ScriptedProvider([Content("whole")])
    async with open_store(tmp_path, providers={"pinky": provider}) as store:
        await settled(store)
    (request,) = provider.requests
    assert [m.content for m in request.messages if m.role is Role.USER] == ["first\n\nmore"]
    assert "half an answer" not in str(request.messages)
    assert ends(folder) == [("t-1", "done")]


async def test_missing_accepted_events_are_written_each_with_its_own_message(
    tmp_path: Path,
) -> None:
    folder = await make(tmp_path, asked("t-1", "one", 1), asked("t-2", "two", 2))
    async with open_store(tmp_path) as store:
        await settled(store)
    told = [(e["turn"], e["message"]) for e in stored_events(folder) if e["event"] == "accepted"]
    assert sorted(told) == [("t-1", "one"), ("t-2", "two")]
    assert ends(folder) == [("t-1", "done"), ("t-2", "done")]
    check_numbers(folder)


async def test_a_steering_message_whose_event_is_missing_is_told_as_what_it_is(
    tmp_path: Path,
) -> None:
    folder = await make(
        tmp_path,
        asked("t-1", "first", 1),
        asked("t-1", "more", 2, mode="steer"),
        events=(accepted("t-1", "first", 1),),
    )
    async with open_store(tmp_path) as store:
        await settled(store)
    told = [(e["message"], e["mode"]) for e in stored_events(folder) if e["event"] == "accepted"]
    assert told == [("first", "queue"), ("more", "steer")]


async def test_a_message_only_the_events_know_is_taken_in(tmp_path: Path) -> None:
    folder = await make(tmp_path, events=(accepted("t-1", "hello", 1),))
    async with open_store(tmp_path) as store:
        await settled(store)
    assert [line["content"] for line in history(folder) if line["role"] == "user"] == ["hello"]
    assert ends(folder) == [("t-1", "done")]


async def test_pictures_that_only_the_events_know_of_are_told_to_be_lost(tmp_path: Path) -> None:
    folder = await make(tmp_path, events=(accepted("t-1", "look", 1) | {"images": 2},))
    async with open_store(tmp_path) as store:
        await settled(store)
    assert history(folder)[0]["content"] == "look\n[pictures lost: 2]"


async def test_turns_that_left_the_memory_are_not_answered_again(tmp_path: Path) -> None:
    """The window in memory is smaller than the part of the events that is looked at."""
    async with open_store(tmp_path, window_turns=1) as store:
        session = await store.create(UID, "work", None, None)
        for n in range(5):
            await say(session, f"message {n}")
    before = history(tmp_path / "work")
    async with open_store(tmp_path, window_turns=1) as store:
        await settled(store)
    assert history(tmp_path / "work") == before


async def kill_after_history(root: Path, drop: int) -> tuple[Path, list[dict[str, Any]]]:
    """Have a turn, then take its last ``drop`` events away, as a kill between writes would."""
    provider = ScriptedProvider([Content("one "), Content("two "), Content("three")])
    async with open_store(root, providers={"pinky": provider}) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "count")
    path = root / "work" / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) - drop]))
    return root / "work", [json.loads(line) for line in lines[: len(lines) - drop]]


@pytest.mark.parametrize("drop", [0, 1, 2, 3, 4, 5])
async def test_an_end_that_only_reached_the_history_is_told(tmp_path: Path, drop: int) -> None:
    folder, kept = await kill_after_history(tmp_path, drop)
    async with open_store(tmp_path) as store:
        listener = await listen(await settled(store), 0)
        answer = [e for e in listener.events if e["event"] == "response" and "phase" not in e]
        assert "".join(e["delta"] for e in answer) == "one two three"
        assert [e["done"] for e in answer].count(True) == 1
        assert answer[-1]["done"] is True
        assert listener.events[: len(kept)] == [
            {k: v for k, v in e.items() if k != "crc"} for e in kept
        ]
        assert listener.seqs == list(range(1, len(listener.seqs) + 1))
    assert ends(folder) == [(kept[0]["turn"], "done")]
    before = folder.joinpath("events.jsonl").read_bytes()
    async with open_store(tmp_path) as store:
        await settled(store)
    assert folder.joinpath("events.jsonl").read_bytes() == before


async def test_damage_is_told_once(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "damaged")
        await say(session, "whole")
    path = tmp_path / "work" / "history.jsonl"
    path.write_bytes(path.read_bytes().replace(b"damaged", b"damaXed", 1))
    async with open_store(tmp_path) as store:
        session = await settled(store)
        first, second = await listen(session), await listen(session)
        assert "1 lines" in (await first.until(code="history_damaged"))["message"]
        assert second.lines == []


async def test_a_refused_message_is_not_answered(tmp_path: Path) -> None:
    """The client was told that it is lost, and may have sent it again."""

    class FailingDisk(Disk):
        failing = False

        def sync(self, fd: int) -> None:
            if self.failing:
                raise StorageError("cannot flush to the disk: I/O error")
            super().sync(fd)

    disk = FailingDisk()
    async with open_store(tmp_path, disk=disk) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        disk.failing = True
        with pytest.raises(StorageError):
            await session.send("refused", SendMode.QUEUE, None)
        assert session.broken
        disk.failing = False
        session = await store.get(UID, "work")
        await say(session, "again")
        assert (await listener.end())["turn"]
        told = listener.seqs
        assert told == list(range(1, len(told) + 1))
    folder = tmp_path / "work"
    assert [end for _, end in ends(folder)] == ["expired", "done"]
    answers = [x["content"] for x in history(folder) if x.get("end") == "done"]
    assert answers == ["again"]
    check_numbers(folder)


async def test_a_full_disk_at_the_start_leaves_the_message_owed(tmp_path: Path) -> None:
    class FullDisk(Disk):
        full = True

        def append(self, fd: int, data: bytes, size: int) -> None:
            if self.full:
                raise StorageError("no space", code="disk_full")
            super().append(fd, data, size)

    folder = await make(tmp_path, asked("t-1", "hello", 1), events=(accepted("t-1", "hello", 1),))
    disk = FullDisk()
    async with open_store(tmp_path, disk=disk) as store:
        with pytest.raises(StorageError):
            await store.get(UID, "work")
        disk.full = False
        await settled(store)
    assert ends(folder) == [("t-1", "done")]


async def test_only_sessions_touched_lately_are_opened_at_the_start(tmp_path: Path) -> None:
    folder = await make(tmp_path, asked("t-1", "hello", 1), events=(accepted("t-1", "hello", 1),))
    shutil.copytree(folder, tmp_path / "second")
    (tmp_path / "stray.txt").touch()
    (tmp_path / ".uid-strange").mkdir()
    trash = tmp_path / ".trash--0123"
    trash.mkdir()
    clock = ManualClock((folder / "history.jsonl").stat().st_mtime + 60)
    async with open_store(tmp_path, clock=clock) as store:
        await store.resume_recent()
        assert store.open_count == 2
        assert not trash.exists()
    clock.advance(3600)
    async with open_store(tmp_path, clock=clock) as store:
        await store.resume_recent()
        assert store.open_count == 0
