"""Questions in the middle of a turn: one at a time has the terminal, and the events wait."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ruster.cli.asking import AskingView
from ruster.core.errors import SessionError
from ruster.core.tasks import spawn
from ruster.protocol import events
from ruster.protocol.codec import encode_event
from ruster.protocol.parsed import ParsedEvent, decode_event

_ASKED = events.Question(session_id="work", question="Which?")
_SAID = events.Response(session_id="work", delta="so")
_NOTICE = events.NoticeEvent(session_id="work", code="x", message="still waiting")


class Lines:
    """Where a person types what the test says, when it says so."""

    def __init__(self) -> None:
        self.typed: asyncio.Queue[str | None] = asyncio.Queue()
        self.open = 0

    async def answer(self) -> str | None:
        self.open += 1
        try:
            return await self.typed.get()
        finally:
            self.open -= 1


class FakeClient:
    """Takes answers; ``turn`` is where they go."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []
        self.turn = "t-1"
        self.error: SessionError | None = None

    async def submit(self, session_id: str, message: str, mode: str) -> str:
        if self.error is not None:
            raise self.error
        self.said.append((session_id, message, mode))
        return self.turn


class Seen:
    """A view that keeps what it is shown."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.closed = False

    def show(self, parsed: ParsedEvent) -> None:
        self.kinds.append(parsed.event.event)

    def close(self) -> None:
        self.closed = True


class Scene:
    """A view in which questions are asked."""

    def __init__(self) -> None:
        self.lines, self.client, self.seen = Lines(), FakeClient(), Seen()
        client: Any = self.client
        self.view = AskingView(self.seen, client, "work", self.lines)

    def show(self, *shown: events.Event) -> None:
        for event in shown:
            self.view.show(decode_event(encode_event(event, turn="t-1", seq=1)))


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_an_answer_is_sent_and_an_empty_line_is_none(scene: Scene) -> None:
    async with scene.view:
        scene.show(_ASKED)
        await _settled()
        scene.lines.typed.put_nowait(" \n")
        await _settled()
        assert (scene.client.said, scene.lines.open) == ([], 1)
        scene.lines.typed.put_nowait("blue")
        await _settled()
        assert scene.client.said == [("work", "blue", "steer")]
        assert scene.lines.open == 0
        scene.show(_ASKED)  # the next question of the same turn
        await _settled()
        assert scene.lines.open == 1
    assert (scene.lines.open, scene.seen.closed) == (0, True)


async def test_while_somebody_types_the_events_wait(scene: Scene) -> None:
    async with scene.view:
        scene.show(_ASKED, _NOTICE)
        await _settled()
        assert (scene.seen.kinds, scene.lines.open) == (["question"], 1)
        scene.lines.typed.put_nowait("blue")
        await _settled()
        assert scene.seen.kinds == ["question", "notice"]
        scene.show(_SAID)
        assert scene.seen.kinds == ["question", "notice", "response"]


async def test_a_question_that_is_over_is_taken_back(scene: Scene) -> None:
    accepted = events.Accepted(session_id="work", message="red", mode="steer", waiting=0)
    async with scene.view:
        scene.show(_ASKED)
        await _settled()
        scene.show(accepted, _SAID, _ASKED)
        await _settled()
        assert scene.seen.kinds == ["question", "accepted", "response", "question"]
        assert scene.lines.open == 1  # for the second question
        scene.show(_SAID)
        await _settled()
        assert (scene.client.said, scene.lines.open) == ([], 0)


async def test_a_question_that_is_over_at_once_is_never_asked(scene: Scene) -> None:
    async with scene.view:
        scene.show(_ASKED, _SAID)
        await _settled()
        assert scene.lines.typed.empty()
        assert (scene.seen.kinds, scene.lines.open) == (["question", "response"], 0)


async def test_the_key_of_the_editor_counts_as_ctrl_c(scene: Scene) -> None:
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, pressed.set)
    try:
        async with scene.view:
            scene.show(_ASKED)
            await _settled()
            scene.lines.typed.put_nowait(None)
            async with asyncio.timeout(10):
                await pressed.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    assert scene.client.said == []


async def test_keys_wait_until_the_line_is_typed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async def key(self: object, asked: events.ApprovalQuestion) -> str:
        order.append(f"key, lines open: {scene.lines.open}")
        return ""

    monkeypatch.setattr("ruster.cli.approving.KeyAnswers._key", key)
    async with scene.view:
        scene.show(_ASKED)
        await _settled()
        scene.show(_approval())
        await _settled()
        assert (order, scene.seen.kinds) == ([], ["question"])
        scene.lines.typed.put_nowait("blue")
        await _settled()
        assert order == ["key, lines open: 0"]
        assert scene.seen.kinds == ["question", "approval_required"]


async def test_a_line_waits_until_the_key_is_pressed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = asyncio.Event()

    async def key(self: object, asked: events.ApprovalQuestion) -> str:
        await pressed.wait()
        return ""

    monkeypatch.setattr("ruster.cli.approving.KeyAnswers._key", key)
    async with scene.view:
        scene.show(_approval())
        await _settled()
        scene.show(_ASKED)
        await _settled()
        assert scene.lines.open == 0
        pressed.set()
        await _settled()
        assert scene.lines.open == 1


async def test_what_becomes_of_an_answer_is_told(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scene.view:
        scene.client.turn = "t-2"
        scene.show(_ASKED)
        scene.lines.typed.put_nowait("too late")
        await _settled()
        assert "the question was over" in capsys.readouterr().out
        scene.client.error = SessionError("there is no session")
        scene.show(_ASKED)
        scene.lines.typed.put_nowait("to nobody")
        await _settled()
        assert "there is no session" in capsys.readouterr().out


async def test_leaving_waits_for_an_answer_that_is_on_its_way(scene: Scene) -> None:
    gate = asyncio.Event()

    async def submit(session_id: str, message: str, mode: str) -> str:
        await gate.wait()
        scene.client.said.append((message,))
        return "t-1"

    scene.client.submit = submit  # type: ignore[method-assign]
    async with scene.view:
        scene.show(_ASKED)
        scene.lines.typed.put_nowait("blue")
        await _settled()
        scene.show(_SAID)
        opened = spawn(_open(gate), name="open the gate")
    await opened
    assert (scene.client.said, scene.seen.kinds) == ([("blue",)], ["question", "response"])


async def _open(gate: asyncio.Event) -> None:
    gate.set()


def _approval() -> events.ApprovalRequired:
    return events.ApprovalRequired(
        session_id="work",
        approval_id="pa-5f0c9a1be2d34c77",
        tool="shell",
        arguments={"command": "ls"},
        effects=["executes"],
        risk="high",
        reason="no rule allows it",
        scopes=["once"],
        sha256="",
        owner=0,
        surface="socket",
        created="2026-01-31T09:30:00+01:00",
        expires="2026-01-31T09:32:00+01:00",
    )
