"""The order of a turn's messages, and what the transcript makes of its file."""

from __future__ import annotations

import json
from pathlib import Path

from ruster.core.messages import Image, Message, Role, ToolCall
from ruster.sessions.records import (
    End,
    Ending,
    TurnLog,
    closing_record,
    message_record,
    restart_record,
    timestamp_of,
    to_message,
    user_record,
)
from ruster.sessions.sender import Sender
from ruster.sessions.settings import SessionSettings
from ruster.sessions.transcript import Transcript
from ruster.storage.disk import Disk


def user(text: str) -> Message:
    return Message(Role.USER, text)


def said(text: str, *calls: str) -> Message:
    return Message(Role.ASSISTANT, text, tool_calls=tuple(ToolCall(c, "t") for c in calls))


def result(call: str) -> Message:
    return Message(Role.TOOL, f"result of {call}", tool_call_id=call, name="t")


def order(*messages: Message) -> list[Message]:
    log = TurnLog("t-1", 0.0)
    for message in messages:
        log.add(message)
    return log.messages


def test_steering_comes_after_what_the_model_was_saying() -> None:
    first, more, answer = user("first"), user("more"), said("answer")
    assert order(first, more, answer) == [first, answer, more]
    assert order(first, answer, more, said("second")) == [first, answer, said("second"), more]


def test_steering_never_parts_a_call_from_its_result() -> None:
    first, more, step = user("first"), user("more"), said("", "a", "b")
    expected = [first, step, result("a"), result("b"), more]
    assert order(first, more, step, result("a"), result("b")) == expected
    assert order(first, step, more, result("a"), result("b")) == expected
    assert order(first, step, result("a"), more, result("b")) == expected


def test_a_restart_keeps_what_the_user_said_and_nothing_else() -> None:
    log = TurnLog("t-1", 0.0)
    for message in (user("1"), said("", "a"), user("2"), result("a"), said("x"), user("3")):
        log.add(message)
    log.restart()
    assert [m.content for m in log.messages] == ["1", "2", "3"]
    assert log.restarts == 1
    log.add(said("answer"))
    assert [m.content for m in log.messages] == ["1", "2", "3", "answer"]


def test_undo_takes_back_what_was_added_last() -> None:
    log = TurnLog("t-1", 0.0)
    log.add(user("1"))
    log.add(user("2"))
    log.undo()
    log.add(said("answer"))
    assert [m.content for m in log.messages] == ["1", "answer"]


def test_a_record_is_read_back_as_it_was() -> None:
    call = ToolCall("a", "t", {"x": [1, "ü"]})
    for message in (
        user("text"),
        Message(Role.ASSISTANT, "text", tool_calls=(call,)),
        result("a"),
    ):
        record = json.loads(json.dumps(message_record("t-1", message, 5.0)))
        assert to_message(record) == message
        assert timestamp_of(record) == 5.0


def test_an_empty_ending_says_so_to_the_model() -> None:
    record = closing_record(Ending(End.CANCELLED), turn="t", model="m/x", seq=1, at=0)
    message = to_message(record)
    assert message is not None
    assert message.content == "[no answer: cancelled]"
    assert to_message(restart_record("t", 0)) is None
    assert timestamp_of({"timestamp": "yesterday"}) == 0.0
    assert timestamp_of({}) == 0.0


def transcript(folder: Path, **settings: int) -> Transcript:
    return Transcript(folder / "history.jsonl", Disk(), SessionSettings(**settings))


def turn(log: Transcript, name: str, text: str = "hello") -> None:
    log.append(user_record(name, user(text), seq=1, mode="queue", at=1.0, sender=Sender()))
    log.append(closing_record(Ending(End.DONE, f"{text}!"), turn=name, model="m/x", seq=2, at=1.0))


def test_the_window_in_memory_is_bounded_and_the_file_is_whole(tmp_path: Path) -> None:
    log = transcript(tmp_path, window_turns=3)
    for n in range(10):
        turn(log, f"t-{n}", str(n))
    log.append(
        user_record(
            "t-now", Message(Role.USER, "now"), seq=3, mode="queue", at=1.0, sender=Sender()
        )
    )
    said = [m.content for messages in log.conversation("t-now") for m in messages]
    assert said == ["7", "7!", "8", "8!", "9", "9!", "now"]
    assert log.page(0, 1000)[1] == 21
    log.close()
    log = transcript(tmp_path, window_bytes=4096)
    turn(log, "t-large", "x" * 5000)
    assert [log_.id for log_ in log._ended] == ["t-large"]
    log.close()


def test_a_page_ends_where_it_grows_large(tmp_path: Path) -> None:
    log = transcript(tmp_path)
    for n in range(4):
        call = ToolCall("a", "t", {"x": "y" * 600_000})
        log.append(
            user_record(
                f"t-{n}", Message(Role.USER, "m"), seq=1, mode="queue", at=1.0, sender=Sender()
            )
        )
        message = Message(Role.ASSISTANT, "", tool_calls=(call,))
        log.append(message_record(f"t-{n}", message, 1.0))
    page, total = log.page(0, 1000)
    assert total == 8
    assert len(page) == 4
    assert [r["turn"] for r in log.page(4, 1000)[0]] == ["t-2", "t-2", "t-3", "t-3"]
    assert log.page(8, 10) == ([], 8)
    assert log.page(2**53, 10) == ([], 8)
    log.close()


def test_a_call_that_was_cut_off_gets_a_result(tmp_path: Path) -> None:
    """Models refuse a conversation with a call that has none."""
    log = transcript(tmp_path)
    log.append(user_record("t-1", user("m"), seq=1, mode="queue", at=1.0, sender=Sender()))
    log.append(message_record("t-1", said("", "a", "b"), 1.0))
    log.append(message_record("t-1", result("a"), 1.0))
    log.append(user_record("t-1", user("more"), seq=2, mode="steer", at=1.0, sender=Sender()))
    log.append(closing_record(Ending(End.CANCELLED), turn="t-1", model="m/x", seq=3, at=1.0))
    turn(log, "t-2")
    log.append(user_record("t-3", user("now"), seq=6, mode="queue", at=1.0, sender=Sender()))
    messages = [m for messages in log.conversation("t-3") for m in messages]
    assert [(m.role.value, m.tool_call_id) for m in messages[:4]] == [
        ("user", None),
        ("assistant", None),
        ("tool", "a"),
        ("tool", "b"),
    ]
    assert "more" in [m.content for m in messages]
    log.close()


def test_open_turns_are_those_without_an_end(tmp_path: Path) -> None:
    log = transcript(tmp_path)
    turn(log, "t-1")
    log.append(
        user_record(
            "t-2", Message(Role.USER, "open"), seq=3, mode="queue", at=7.0, sender=Sender("x")
        )
    )
    log.append(restart_record("t-2", 8.0))
    log.close()
    log = transcript(tmp_path)
    assert list(log.open_turns) == ["t-2"]
    open_turn = log.open_turns["t-2"]
    assert (open_turn.accepted_at, open_turn.sender.command_id, open_turn.restarts) == (7.0, "x", 1)
    log.close()


def test_a_turn_whose_beginning_was_damaged_is_left_out(tmp_path: Path) -> None:
    log = transcript(tmp_path)
    turn(log, "t-1", "damaged")
    turn(log, "t-2", "whole")
    log.close()
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"damaged"', b'"damAged"', 1))
    log = transcript(tmp_path)
    assert log.damage.lines == 1
    assert not log.open_turns
    assert [entry.id for entry in log._ended] == ["t-2"]
    log.close()


def test_what_providers_want_back_survives_the_journal(tmp_path: Path) -> None:
    """A signature of a call and the pictures of a message come back as they were."""
    signed = ToolCall("a", "t", {"x": 1}, signature="c2lnbmVk")
    step = Message(Role.ASSISTANT, "", tool_calls=(signed, ToolCall("b", "t")))
    shown = Message(Role.USER, "look", images=(Image(bytes(range(256)), "image/webp"),))
    log = transcript(tmp_path)
    log.append(
        user_record(
            "t-1", Message(Role.USER, "hello"), seq=1, mode="queue", at=1.0, sender=Sender()
        )
    )
    for message in (step, result("a"), result("b"), shown):
        log.append(message_record("t-1", message, 1.0))
    log.append(closing_record(Ending(End.DONE, "done"), turn="t-1", model="m", seq=2, at=1.0))
    log.close()

    log = transcript(tmp_path)
    log.append(user_record("t-2", user("now"), seq=3, mode="queue", at=1.0, sender=Sender()))
    messages = [m for turn in log.conversation("t-2") for m in turn]
    assert step in messages
    assert shown in messages
    (told,) = (record for record in log.page(0, 10)[0] if record["content"] == "look")
    assert told["images"] == [{"media_type": "image/webp", "size_bytes": 256}]
    log.close()


def test_pictures_beyond_the_bound_are_mentioned() -> None:
    small, large = Image(b"x"), Image(bytes((4 << 20) + 1))
    record = message_record("t-1", Message(Role.USER, "look", images=(large, small)), 1.0)
    read = to_message(json.loads(json.dumps(record)))

    assert read is not None
    assert read.images == (small,)
    assert read.content == "look\n[1 of 2 pictures were too large to be kept]"


def test_pictures_that_cannot_be_read_are_left_out() -> None:
    record = message_record("t-1", Message(Role.USER, "look", images=(Image(b"x"),)), 1.0)
    record["images"] += [{"data": "!", "media_type": "image/png"}, {}, 7]
    read = to_message(record)

    assert read is not None
    assert read.images == (Image(b"x"),)
