"""Whose words a conversation holds, and that this is never forgotten while they are in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.messages import Message, Role
from ruster.core.tools import Taint
from ruster.trust.taint import (
    MAX_ORIGINS,
    ORIGINS,
    file_origin,
    marked,
    origins_of_record,
    sender_origin,
    taint_of,
    tool_origin,
    web_origin,
    with_origins,
)


def test_origins_have_names(folder: Path) -> None:
    assert web_origin("https://example.com/x?y") == "web:example.com"
    assert web_origin("https://[") == "web:unknown"
    assert sender_origin("telegram", "eve\x1b[2J") == "sender:telegram/eve?[2J"
    assert tool_origin("mcp.files") == "tool:mcp.files"
    assert len(tool_origin("x" * 5000)) < 300


def test_files_outside_the_named_folders_taint(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "out").symlink_to("/etc")
    own = [folder / "mine"]
    assert file_origin(folder / "mine" / "a", own) is None
    assert file_origin(folder / "b", own) == f"file:{folder / 'b'}"
    assert file_origin(folder / "mine" / "out" / "hosts", own) is not None
    assert file_origin(folder / "mine" / ".." / "b", own) is not None


def test_a_conversation_is_tainted_while_a_marked_message_is_in_it() -> None:
    taint = Taint()
    plain = Message(Role.USER, "hello")
    assert marked(plain, taint) is plain
    assert not taint_of([plain])
    taint.mark("web:a.org")
    answer = marked(Message(Role.ASSISTANT, "hi", origins=("file:/b",)), taint)
    assert answer.origins == ("file:/b", "web:a.org")
    assert taint_of([plain, answer]).origins == {"file:/b", "web:a.org"}


def test_origins_survive_the_history() -> None:
    record = {"role": "tool", "content": "x"}
    assert with_origins(record, ()) == record
    kept = with_origins(record, {"web:b", "web:a"})
    assert kept[ORIGINS] == ["web:a", "web:b"]
    assert origins_of_record(kept) == ("web:a", "web:b")
    assert origins_of_record(record) == ()


@pytest.mark.parametrize("damaged", ["web:a", [1], {"a": 1}, None])
def test_a_damaged_mark_counts_as_doubtful(damaged: object) -> None:
    assert taint_of([Message(Role.TOOL, "", origins=origins_of_record({ORIGINS: damaged}))])


def test_many_origins_are_bounded_and_stay_a_taint() -> None:
    many = Taint({f"web:{n:04}" for n in range(1000)})
    message = marked(Message(Role.TOOL, "x"), many)
    assert len(message.origins) == MAX_ORIGINS
    assert "other:more" in message.origins
    again = marked(message, many)
    assert (len(again.origins), again.origins) == (MAX_ORIGINS, message.origins)
