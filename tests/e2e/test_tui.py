"""The terminal interface before a real daemon: every panel, with keys alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_approvals import _daemon
from tests.e2e.tui import screen_text, sitting, until
from textual.events import Paste
from textual.pilot import Pilot

from ruster.core.inference import (
    Content,
    InferenceEvent,
    InferenceRequest,
    Progress,
    Thought,
    ThoughtPhase,
)
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon
from ruster.testing.scripted import Step
from ruster.tui.app import INTERRUPTED, RusterTui
from ruster.tui.approvals import ApprovalScreen
from ruster.tui.board import Column
from ruster.tui.dialogs import Confirm, Prompt, Reading
from ruster.tui.markdown import Answer
from ruster.tui.turns import Said, TurnBlock

_HOSTILE = "\x1b]0;owned\x07\x1b[2J[bold red]wiped[/] &#x1b;[31m &#8238;evil <b>seen</b>"
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Gated(ScriptedProvider):
    """Says no more after a progress until the gate is opened."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        super().__init__(*scripts)
        self.gate = asyncio.Event()

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        async for event in super().stream(request):
            if isinstance(event, Progress):
                await self.gate.wait()
            else:
                yield event


async def _say(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*(_key(char) for char in text), "enter")


def _key(char: str) -> str:
    return {" ": "space", "/": "slash", "?": "question_mark"}.get(char, char)


def _answers(app: RusterTui) -> list[str]:
    """What the agent has said, turn by turn."""
    return ["".join(part.source for part in block.query(Answer)) for block in app.query(TurnBlock)]


def _asked(app: RusterTui) -> ApprovalScreen:
    assert isinstance(app.screen, ApprovalScreen)
    return app.screen


def _armed(app: RusterTui) -> bool:
    return isinstance(app.screen, ApprovalScreen) and app.screen.armed


def _idle(app: RusterTui, turns: int) -> bool:
    return len(app.query(TurnBlock)) == turns and not app.chat.transcript.running


async def test_an_answer_streams_as_markdown_with_its_thoughts_folded(folder: Path) -> None:
    script: list[Step] = [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "let me see"),
        Thought(ThoughtPhase.STOP),
        Content("# Head\n\nSome **bo"),
        Progress("the gate", 0, 0),
        Content("ld** text\n\n- one\n"),
        Content("- two\n"),
    ]
    provider = Gated(script)
    async with (
        running_daemon(folder, providers={"s": provider}, default_model="s/one"),
        sitting(folder) as (app, pilot),
    ):
        await pilot.press("h", "i", "alt+enter", "y", "o", "u", "enter")
        await until(pilot, lambda: _answers(app) and "bo" in _answers(app)[0])
        assert app.chat.transcript.running
        provider.gate.set()
        await until(pilot, lambda: _idle(app, 1))
        assert _answers(app) == ["# Head\n\nSome **bold** text\n\n- one\n- two\n"]
        await until(pilot, lambda: "• two" in screen_text(app))
        shown = screen_text(app)
        assert "You ▸ hi\nyou" in re.sub(r" *\n +", "\n", shown)
        assert "Some bold text" in shown
        assert "thought, 3 words" in shown
        assert "let me see" not in shown
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "let me see" in screen_text(app)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, Reading))
        await pilot.pause()
        assert "answered by s/one" in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, Reading)


async def test_escape_and_ctrl_x_stop_the_running_turn_only(folder: Path) -> None:
    slow = ScriptedProvider([Content("half"), 60.0, Content("never")])
    async with (
        running_daemon(folder, providers={"s": slow}, default_model="s/one"),
        sitting(folder) as (app, pilot),
    ):
        for turns, key in enumerate(("escape", "ctrl+x"), start=1):
            await _say(pilot, "go")
            await until(pilot, lambda: _answers(app)[-1:] == ["half"])
            await pilot.press(key)
            await until(pilot, lambda n=turns: _idle(app, n))  # type: ignore[misc]
            await pilot.pause()
            assert "[cancelled]" in screen_text(app)
        assert app.is_running


async def test_the_keys_that_leave(folder: Path) -> None:
    async with running_daemon(folder):
        async with sitting(folder) as (app, pilot):
            await pilot.press("q")  # is typed
            assert app.chat.composer.text == "q"
            await pilot.press("escape", "q")
        assert app.return_value == 0
        async with sitting(folder) as (app, pilot):
            await pilot.press("escape", "escape")
        assert app.return_value == 0
        async with sitting(folder) as (app, pilot):
            await pilot.press("ctrl+c")
        assert app.return_value == INTERRUPTED


async def test_an_approval_is_given_in_place_but_not_by_typing_on(folder: Path) -> None:
    async with _daemon(folder) as provider, sitting(folder) as (app, pilot):
        await _say(pilot, "ls -l")
        await until(pilot, lambda: isinstance(app.screen, ApprovalScreen))
        asked = _asked(app)
        await pilot.press("a", "r", "escape")  # somebody was typing
        assert app.screen is asked
        assert not asked.armed
        await until(pilot, lambda: asked.armed)
        await pilot.pause()
        shown = screen_text(app)
        for what in ("shell needs your approval", "command: ls -l", "risk: high", "a once",
                     "s session", "A always", "r reject", "executes"):  # fmt: skip
            assert what in shown
        await pilot.press("s")
        await until(pilot, lambda: _idle(app, 1))
        assert _answers(app)[0].startswith("ran by uid ")
        await _say(pilot, "ls -l")
        await until(pilot, lambda: _idle(app, 2))
        assert _answers(app)[1] == "ran by granted for this session"
        provider.tainted = True
        await _say(pilot, "ls -l")
        await until(pilot, lambda: _armed(app))
        await pilot.pause()
        assert "A always" not in screen_text(app)
        await pilot.press("A", "s")  # neither is offered
        assert isinstance(app.screen, ApprovalScreen)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, Prompt))
        await _say(pilot, "not now")
        await until(pilot, lambda: _idle(app, 3))
        assert _answers(app)[2].endswith("not now")
        assert not isinstance(app.screen, ApprovalScreen)


async def test_a_long_question_is_read_to_its_end_before_a_yes(folder: Path) -> None:
    async with _daemon(folder), sitting(folder) as (app, pilot):
        app.chat.composer.text = f"echo {'x ' * 3000}; last-word"
        await pilot.press("enter")
        await until(pilot, lambda: _armed(app))
        asked = app.screen
        await pilot.press("a")
        await pilot.pause()
        assert app.screen is asked
        assert "read it to the end" in screen_text(app)
        await pilot.press("end")
        await until(pilot, lambda: "a once" in screen_text(app))
        await until(pilot, lambda: "last-word" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: _idle(app, 1))
        assert _answers(app)[0].startswith("ran by uid ")


async def test_questions_of_other_sessions_are_listed(folder: Path) -> None:
    async with (
        _daemon(folder),
        sitting(folder) as (app, pilot),
        RawClient(folder / "r.sock") as other,
    ):
        await other.send({"action": "create", "session_id": "work"})
        await other.send({"action": "send", "session_id": "work", "message": "rm -r \x1b[2J"})
        await until(pilot, lambda: app.asked.waiting)
        assert not isinstance(app.screen, ApprovalScreen)
        await pilot.press("f4")
        await pilot.pause()
        shown = screen_text(app)
        assert "1 to approve" in shown
        assert "work" in shown
        assert not _UNSAFE.search(shown)
        await pilot.press("enter")
        await until(pilot, lambda: _armed(app))
        await pilot.pause()
        assert "rm -r \\x1b[2J" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: not app.asked.waiting)
        resolved = await other.event("approval_resolved")
        assert resolved["state"] == "denied"


async def test_a_restart_of_the_daemon_loses_nothing_and_repeats_nothing(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, sitting(folder) as (app, pilot):
        for number in range(3):
            await _say(pilot, f"one {number}")
        await until(pilot, lambda: _idle(app, 3))
        await daemon.kill()
        await until(pilot, lambda: not app.status.standing.connected)
        await pilot.pause()
        assert "connecting again" in screen_text(app)
        await daemon.start()
        async with RawClient(folder / "r.sock") as other:  # somebody else is sooner
            await other.send({"action": "create", "session_id": "main"})
            assert await other.say("main", "from elsewhere") == "from elsewhere"
        await until(pilot, lambda: app.status.standing.connected and _idle(app, 4))
        await _say(pilot, "after")
        await until(pilot, lambda: _idle(app, 5))
        assert _answers(app) == ["one 0", "one 1", "one 2", "from elsewhere", "after"]
        assert len(app.query(Said)) == 5
        async with sitting(folder) as (again, second):
            await until(second, lambda: _idle(again, 5))
            assert _answers(again) == _answers(app)


async def test_a_turn_cut_off_by_a_restart_is_shown_once(folder: Path) -> None:
    async with (
        DaemonProcess(folder, default_model="pinky/slow") as daemon,
        sitting(folder) as (app, pilot),
    ):
        await _say(pilot, " ".join(f"w{n}" for n in range(60)))
        await until(pilot, lambda: _answers(app) and "w3" in _answers(app)[0])
        await daemon.kill()
        await daemon.start()
        await until(pilot, lambda: _idle(app, 1))
        assert _answers(app)[0].count("w3 ") == 1
        assert _answers(app)[0].split()[-1] == "w59"


async def test_earlier_records_are_read_page_by_page(folder: Path) -> None:
    async with running_daemon(folder):
        async with RawClient(folder / "r.sock") as other:
            await other.send({"action": "create", "session_id": "main"})
            for number in range(50):
                await other.say("main", f"n{number}")
        async with sitting(folder) as (app, pilot):
            await until(pilot, lambda: _answers(app)[-1:] == ["n49"])
            assert "n5" not in _answers(app)
            app.chat.transcript.scroll_home(animate=False)
            for _ in range(5):
                await pilot.press("pageup")
                await pilot.pause(0.1)
                if not app.chat.transcript.first:
                    break
                app.chat.transcript.scroll_home(animate=False)
            assert _answers(app) == [f"n{number}" for number in range(50)]


async def test_jobs_are_added_in_words_switched_run_and_removed(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder, size=(120, 40)) as (app, pilot):
        await pilot.press("f6")
        await until(pilot, lambda: app.jobs.jobs)
        await pilot.press("a")
        await _say(pilot, "remind me in 2 hours to eat the cake")
        await until(pilot, lambda: len(_mine(app)) == 1)
        name = _mine(app)[0]
        app.jobs.move_cursor(row=list(app.jobs.jobs).index(name))
        await pilot.press("space")
        await until(pilot, lambda: not app.jobs.jobs[name].enabled)
        await pilot.press("space")
        await until(pilot, lambda: app.jobs.jobs[name].enabled)
        await pilot.press("r")
        await until(pilot, lambda: app.jobs.jobs[name].last is not None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Reading))
        await pilot.pause()
        assert "done by" in screen_text(app)
        await pilot.press("escape", "a")
        await _say(pilot, "at the end of days")
        await until(pilot, lambda: "end of days" in app.status.told or app.status.told)
        assert "\n" not in app.status.told
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n", "d", "y")
        await until(pilot, lambda: not _mine(app))
        await pilot.press("f3")
        await pilot.pause()
        assert re.search(r"◆ job:\S+ ▸ eat the cake", screen_text(app))


def _mine(app: RusterTui) -> list[str]:
    return [name for name, job in app.jobs.jobs.items() if job.made_by == "person"]


async def test_cards_are_moved_as_far_as_the_daemon_allows(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        for name in ("one", "two"):
            await app.desk.client.call(
                "job_add", session_id="main", job_id=name, when="every day at 9:00",
                do={"say": {"message": "hi"}},
            )  # fmt: skip
        await app.desk.client.call("job_disable", job_id="two")
        await pilot.press("f7")
        await until(pilot, lambda: [c.name for c in _cards(app, Column.TO_DO)] == ["two"])
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: not _cards(app, Column.TO_DO))
        doing = app.board.columns[Column.DOING]
        await until(pilot, lambda: doing.has_focus)  # the cursor went with the card
        assert doing.chosen is not None
        assert doing.chosen.name == "two"
        doing.highlighted = [card.name for card in doing.cards].index("one")
        await pilot.press("greater_than_sign")
        assert "A job is done when" in app.status.told
        await pilot.press("less_than_sign")
        await until(pilot, lambda: [c.name for c in _cards(app, Column.TO_DO)] == ["one"])


async def test_a_goal_is_achieved_on_the_board(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        call = app.desk.client.call
        await call("goal_add", goal_id="fit", description="Run [red] ten kilometres")
        await call(
            "job_add", session_id="main", job_id="run", when="every day at 9:00", goal="fit",
            do={"say": {"message": "run"}},
        )  # fmt: skip
        await pilot.press("f7")
        await until(pilot, lambda: [c.key for c in _cards(app, Column.DOING)][:1] == ["goal:fit"])
        await pilot.pause()
        assert "Run [red] ten" in screen_text(app)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: [c.key for c in _cards(app, Column.DONE)] == ["goal:fit"])
        assert [c.key for c in _cards(app, Column.TO_DO)] == ["job:run"]


def _cards(app: RusterTui, column: Column) -> list[Any]:
    return app.board.columns[column].cards


async def test_sessions_are_made_named_and_deleted(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        await pilot.press("f2", "n")
        await _say(pilot, "trip")
        await until(pilot, lambda: app.desk.session_id == "trip")
        await _say(pilot, "hello")
        await until(pilot, lambda: _idle(app, 1))
        await pilot.press("f2")
        if not app.chat.sessions.has_focus:
            await pilot.press("f2")
        await until(pilot, lambda: app.chat.sessions.highlighted is not None)
        app.chat.sessions.highlighted = app.chat.sessions.names.index("trip")
        await pilot.press("e")
        await _say(pilot, "By the sea")
        await until(pilot, lambda: "By the sea" in screen_text(app))
        await pilot.press("n")
        await _say(pilot, "no such/name")
        await until(pilot, lambda: app.status.told)
        assert app.desk.session_id == "trip"
        await pilot.press("f2")
        app.chat.sessions.focus()
        await pilot.press("d", "y")
        await until(pilot, lambda: app.desk.session_id == "main")
        assert app.chat.sessions.names == ["main"]


async def test_the_memory_is_searched(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        await app.desk.client.call("memory_add", text="The key lies under the [red] mat\x1b[2J")
        await pilot.press("f8")
        await _say(pilot, "where is the key")
        await until(pilot, lambda: app.memory.hits.has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Reading))
        await pilot.pause()
        assert "under the [red] mat␛[2J" in screen_text(app)


@pytest.mark.parametrize("guarded", [True, False])
async def test_nothing_a_model_says_commands_the_terminal_or_is_markup(
    folder: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:  # what is looked for can be found
        for where in ("plain", "markdown"):
            monkeypatch.setattr(f"ruster.tui.{where}.visible", str)
    provider = ScriptedProvider(
        [
            Content(f"{_HOSTILE}\n\n# {_HOSTILE}\n\n`{_HOSTILE}`\n\n"),
            Content(f"```{_HOSTILE}\n{_HOSTILE}\n```\n\n[{_HOSTILE}](http://e&#27;)\n"),
        ]
    )
    async with running_daemon(folder, providers={"s": provider}, default_model="s/one"):
        async with RawClient(folder / "r.sock") as other:
            await other.send({"action": "create", "session_id": "main", "title": _HOSTILE})
            await other.say("main", _HOSTILE)
        async with sitting(folder, size=(120, 60)) as (app, pilot):
            await until(pilot, lambda: _idle(app, 1))
            app.chat.composer.text = "go"
            await pilot.press("enter")
            await until(pilot, lambda: _idle(app, 2))
            app.desk.complain(_HOSTILE)
            await pilot.pause()
            shown = screen_text(app)
            assert bool(_UNSAFE.search(shown)) is not guarded
            if guarded:
                assert "␛[2J[bold red]wiped[/]" in shown
                assert "<b>seen</b>" in shown
                assert "[bold red]wiped[/]" in shown.splitlines()[-2]


async def test_errors_are_one_line_and_the_message_comes_back(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        app.chat.composer.text = "x" * (2 << 20)
        await pilot.press("enter")
        await until(pilot, lambda: app.status.told)
        await pilot.pause()
        assert len(app.chat.composer.text) == 2 << 20
        assert "Traceback" not in screen_text(app)
        await pilot.press("f9")
        await until(pilot, lambda: "nothing was answered" in app.status.told)


async def test_a_paste_is_made_harmless(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        app.chat.composer.post_message(Paste("one\r\ntwo \x1b[31m"))
        await until(pilot, lambda: app.chat.composer.text)
        assert app.chat.composer.text == "one\ntwo ␛[31m"


async def test_an_endless_answer_is_cut_on_the_screen_and_says_so(folder: Path) -> None:
    provider = ScriptedProvider([Content("x" * 60_000), Content("y" * 60_000), Content("z")])
    async with (
        running_daemon(folder, providers={"s": provider}, default_model="s/one"),
        sitting(folder) as (app, pilot),
    ):
        await _say(pilot, "go")
        await until(pilot, lambda: _idle(app, 1))
        assert _answers(app) == ["x" * 60_000]
        await until(pilot, lambda: "rusterctl sessions show main" in screen_text(app))


async def test_sessions_opened_in_a_hurry_leave_one_that_is_followed(folder: Path) -> None:
    async with running_daemon(folder), sitting(folder) as (app, pilot):
        for name in ("a", "b", "c"):
            app.desk.start(app.chat.open(name), "open")
        await until(pilot, lambda: app.desk.session_id == "c")
        await _say(pilot, "hi")
        await until(pilot, lambda: _answers(app) == ["hi"])
        async with RawClient(folder / "r.sock") as other:
            for name in ("a", "b"):
                await other.send({"action": "create", "session_id": name})
                await other.say(name, f"in {name}")
        await _say(pilot, "ho")
        await until(pilot, lambda: _idle(app, 2))
        assert _answers(app) == ["hi", "ho"]
