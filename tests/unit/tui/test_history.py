"""Records read back as events: whole turns, and nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruster.client import Client
from ruster.protocol import events
from ruster.testing import running_daemon
from ruster.tui.history import PAGE, Page, read_page, told_by


def _told(*records: dict[str, Any]) -> list[tuple[str | None, str]]:
    page = Page(records, 0)
    return [(it.turn, it.event.event) for it in told_by(page, "work")]


def _user(turn: str, seq: int = 1) -> dict[str, Any]:
    return {"role": "user", "content": "hi", "turn": turn, "seq": seq}


def _end(turn: str, end: str = "done", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "turn": turn, "end": end, "seq": 9} | fields


def test_a_turn_is_told_as_it_was() -> None:
    call = {"id": "c1", "name": "shell", "arguments": {"command": "ls"}}
    records = (
        _user("t1"),
        {"role": "assistant", "content": "see", "turn": "t1", "tool_calls": [call]},
        {"role": "tool", "content": "a b", "turn": "t1", "name": "shell", "tool_call_id": "c1"},
        _end("t1", content="two files"),
    )
    told = [it.event for it in told_by(Page(records, 0), "work")]
    kinds = [it.event for it in told]
    assert kinds == ["accepted", "response", "tool_call", "tool_call", "response", "response"]
    ended = told[3]
    assert isinstance(ended, events.ToolCallEvent)
    assert (ended.phase, ended.arguments, ended.result_preview) == ("end", {"command": "ls"}, "a b")


def test_of_an_open_turn_only_what_was_said_is_told() -> None:
    working = {"role": "assistant", "content": "half", "turn": "t2"}
    assert _told(_user("t1"), _end("t1"), _user("t2"), working) == [
        ("t1", "accepted"), ("t1", "response"), ("t2", "accepted"),
    ]  # fmt: skip


def test_ends_and_what_was_said_unasked() -> None:
    said = {"role": "event", "content": "cake", "source": "job:cake", "seq": 4}
    background = {"role": "event", "content": "never told", "source": "server:x"}
    broken = _end("t2", "error", error={"code": "x", "message": "it broke"})
    assert _told(_user("t1"), _end("t1", "cancelled"), said, background, _user("t2"), broken) == [
        ("t1", "accepted"), ("t1", "cancelled"), (None, "proactive"),
        ("t2", "accepted"), ("t2", "error"),
    ]  # fmt: skip


def test_records_without_a_known_shape_do_no_harm() -> None:
    odd: dict[str, Any] = {"role": "assistant", "turn": "t", "tool_calls": [{}], "content": None}
    _told({}, {"role": "note"}, {"role": "tool", "turn": "t"}, odd, _end("t", "error", error=None))


def test_the_cursor_is_where_the_last_turn_ended() -> None:
    assert Page((_user("t1"), _end("t1", seq=5), _user("t2", 6)), 0).cursor == 5
    assert Page((_user("t1"),), 0).cursor is None


async def test_pages_begin_with_a_turn_and_leave_nothing_out(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work")
        assert await read_page(client, "work") == Page((), 0)
        for number in range(PAGE):
            await client.ask("work", f"n{number}")
        said: list[str] = []
        before = None
        while before != 0:
            page = await read_page(client, "work", before)
            assert page.records[0]["role"] == "user"
            said[:0] = [it["content"] for it in page.records if it["role"] == "user"]
            before = page.first
        assert said == [f"n{number}" for number in range(PAGE)]
