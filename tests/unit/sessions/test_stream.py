"""Numbers without gaps, cursors of every age, and nothing told before the disk has it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ruster.core.errors import SessionError, StorageError
from ruster.protocol.events import NoticeEvent, Response
from ruster.sessions.settings import SessionSettings
from ruster.sessions.stream import EventStream
from ruster.storage.disk import Disk
from tests.unit.sessions.support import Listener, open_files

SMALL = {"recent_events_bytes": 4096, "event_file_bytes": 64 * 1024}


def stream(folder: Path, **settings: int) -> EventStream:
    return EventStream(folder, "work", Disk(), SessionSettings(**(SMALL | settings)))


def publish(events: EventStream, count: int, size: int = 10) -> None:
    for _ in range(count):
        events.publish(Response(session_id="work", delta="x" * size), turn="t-1")


async def replay(events: EventStream, since: int | None) -> Listener:
    listener = Listener()
    await events.attach(listener, since)
    return listener


async def test_a_listener_without_a_cursor_gets_what_comes(tmp_path: Path) -> None:
    events = stream(tmp_path)
    publish(events, 3)
    listener = await replay(events, None)
    assert listener.lines == []
    publish(events, 2)
    assert listener.seqs == [4, 5]
    assert events.detach(listener)
    assert not events.detach(listener)
    publish(events, 1)
    assert listener.seqs == [4, 5]
    events.close()


@pytest.mark.parametrize("since", [0, 1, 299, 300, 555, 990, 999, 1000])
async def test_attach_gives_exactly_what_followed(tmp_path: Path, since: int) -> None:
    """From memory (the newest), from the file (chunk after chunk), or nothing."""
    events = stream(tmp_path, event_file_bytes=8 << 20)
    publish(events, 1000)
    listener = await replay(events, since)
    publish(events, 2)
    assert listener.seqs == list(range(since + 1, 1003))
    events.close()


async def test_a_replay_repeats_the_very_bytes(tmp_path: Path) -> None:
    events = stream(tmp_path)
    live = await replay(events, None)
    for n in range(100):
        notice = NoticeEvent(session_id="work", code="x", message=f'{n} ü \u2028 " 🦀 \x7f')
        events.publish(notice, turn=f"t-{n}", command_id=n if n % 2 else f"id {n}")
    again = await replay(events, 0)
    assert again.lines == live.lines
    events.close()
    events = stream(tmp_path)
    assert (await replay(events, 0)).lines == live.lines
    events.close()


async def test_numbers_go_on_over_rotation_and_restart(tmp_path: Path) -> None:
    events = stream(tmp_path)
    rotations = 0
    for _ in range(30):
        publish(events, 10, size=2000)
        before = events.journal.path.stat().st_ino
        events.rotate_if_large()
        rotations += events.journal.path.stat().st_ino != before
    assert rotations >= 2
    first = events._oldest_kept()
    assert 1 < first < 300
    for since in (first - 1, first, 250, 299, 300):
        assert (await replay(events, since)).seqs == list(range(since + 1, 301))
    with pytest.raises(SessionError, match="no longer kept") as caught:
        await replay(events, first - 2)
    assert caught.value.code == "cursor_expired"
    events.close()
    events = stream(tmp_path)
    assert events.last_seq == events.told_seq == 300
    assert (await replay(events, first - 1)).seqs == list(range(first, 301))
    publish(events, 1)
    assert events.last_seq == 301
    events.close()


async def test_a_restart_right_after_rotation_goes_on_counting(tmp_path: Path) -> None:
    events = stream(tmp_path)
    publish(events, 40, size=2000)
    events.rotate_if_large()
    events.close()
    events = stream(tmp_path)
    assert events.last_seq == 40
    assert (await replay(events, 0)).seqs == list(range(1, 41))
    events.close()


async def test_a_file_is_not_put_aside_while_it_is_read(tmp_path: Path) -> None:
    class Slow(Listener):
        def __init__(self) -> None:
            super().__init__()
            self.gate = asyncio.Event()
            self.waiting = asyncio.Event()

        async def drained(self) -> None:
            self.waiting.set()
            await self.gate.wait()

    events = stream(tmp_path)
    publish(events, 600, size=500)
    slow = Slow()
    attaching = asyncio.ensure_future(events.attach(slow, 0))
    await slow.waiting.wait()
    events.rotate_if_large()
    publish(events, 5)
    events.rotate_if_large()
    slow.gate.set()
    await attaching
    publish(events, 1)
    assert slow.seqs == list(range(1, 607))
    events.close()


async def test_a_cursor_of_the_future_is_refused(tmp_path: Path) -> None:
    events = stream(tmp_path)
    publish(events, 3)
    with pytest.raises(SessionError) as caught:
        await replay(events, 4)
    assert caught.value.code == "cursor_invalid"
    events.close()


async def test_what_follows_a_durable_event_waits_for_it(tmp_path: Path) -> None:
    events = stream(tmp_path)
    listener = await replay(events, None)
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    publish(events, 1)
    events.tell_after(events.hold(Response(session_id="work", delta="durable")), first)
    publish(events, 2)
    events.tell_after(events.hold(Response(session_id="work", delta="", done=True)), second)
    publish(events, 1)
    assert listener.seqs == [1]
    assert (events.told_seq, events.last_seq) == (1, 6)
    second.set_result(None)
    await asyncio.sleep(0)
    assert listener.seqs == [1]
    late = await replay(events, 0)
    assert late.seqs == [1]
    first.set_result(None)
    await asyncio.sleep(0)
    assert listener.seqs == late.seqs == [1, 2, 3, 4, 5, 6]
    events.close()


async def test_what_the_disk_refused_is_never_told(tmp_path: Path) -> None:
    events = stream(tmp_path)
    listener = await replay(events, None)
    commit = asyncio.get_running_loop().create_future()
    events.tell_after(events.hold(Response(session_id="work", delta="lost")), commit)
    publish(events, 1)
    commit.set_exception(StorageError("dead"))
    await asyncio.sleep(0)
    assert listener.lines == []
    events.close()


async def test_a_damaged_event_keeps_its_number(tmp_path: Path) -> None:
    events = stream(tmp_path)
    for n in range(5):
        events.publish(Response(session_id="work", delta=f"piece {n}"), turn="t-1")
    events.close()
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"piece 2", b"piece X"))
    events = stream(tmp_path)
    listener = await replay(events, 0)
    assert listener.seqs == [1, 2, 3, 4, 5]
    assert listener.events[2]["code"] == "history_damaged"
    events.close()


@pytest.mark.parametrize("keep_older", [True, False])
async def test_a_file_whose_count_is_broken_is_put_aside(tmp_path: Path, keep_older: bool) -> None:
    """Never the same number for something else: old cursors expire instead."""
    events = stream(tmp_path)
    if keep_older:
        publish(events, 40, size=2000)
        events.rotate_if_large()
    publish(events, 10)
    last = events.last_seq
    events.close()
    path = tmp_path / "events.jsonl"
    data = bytearray(path.read_bytes())
    fifth = [i for i, byte in enumerate(data) if byte == 0x0A][4]
    data[fifth] = ord("x")  # two lines become one
    path.write_bytes(data)
    events = stream(tmp_path)
    assert events.last_seq == last
    with pytest.raises(SessionError) as caught:
        await replay(events, last - 5)
    assert caught.value.code == "cursor_expired"
    publish(events, 1)
    assert (await replay(events, last)).seqs == [last + 1]
    assert (tmp_path / "events.unusable").exists()
    events.close()


async def test_a_client_that_left_while_catching_up_is_not_kept(tmp_path: Path) -> None:
    events = stream(tmp_path)
    publish(events, 3)
    gone = Listener()
    gone.closed = True
    await events.attach(gone, 0)
    assert not events.watched
    events.close()


async def test_attaching_to_a_stream_that_closes_is_an_error(tmp_path: Path) -> None:
    class Closing(Listener):
        async def drained(self) -> None:
            events.close()

    events = stream(tmp_path)
    publish(events, 3)
    with pytest.raises(SessionError):
        await events.attach(Closing(), 0)


async def test_a_stream_that_cannot_be_opened_leaves_no_descriptor(tmp_path: Path) -> None:
    events = stream(tmp_path)
    publish(events, 3)
    events.close()
    (tmp_path / "events.1.jsonl").mkdir()
    (tmp_path / "events.jsonl").write_bytes(b"")
    before = open_files()
    for _ in range(5):
        with pytest.raises(StorageError):
            stream(tmp_path)
    assert open_files() == before
