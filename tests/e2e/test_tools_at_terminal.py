"""Tools, questions and reasons as a person meets them: a real daemon, processes, a real pty."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import _LONG, Ctl, _terminal

from ruster.client import Client
from ruster.core.errors import SessionError
from ruster.core.inference import Content, ToolCallRequest
from ruster.core.messages import Role, ToolCall
from ruster.testing import RawClient, ScriptedProvider, running_daemon

_SOCKET = "r.sock"


def _call(name: str, /, **arguments: Any) -> ToolCallRequest:
    return ToolCallRequest(ToolCall("c1", name, arguments))


def _asking(*questions: str) -> ScriptedProvider:
    """A model that asks one thing after the other, then says that it has understood."""
    scripts = [[_call("ask_user", question=question)] for question in questions]
    return ScriptedProvider(*scripts, [Content("understood")])


def _daemon(folder: Path, provider: ScriptedProvider, **settings: Any) -> Any:
    return running_daemon(
        folder, providers={"scripted": provider}, default_model="scripted/any", **settings
    )


def _said(provider: ScriptedProvider) -> list[str]:
    """Return what the user has said, as the model saw it last."""
    return [m.content for m in provider.requests[-1].messages if m.role is Role.USER]


# Questions


async def test_a_question_is_answered_in_the_chat(folder: Path) -> None:
    provider = _asking("Which file?", "Really?")
    async with _daemon(folder, provider), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("delete one\r")
        await screen.until("Which file?", "your answer; Ctrl-C cancels")
        screen.type("\r  \rnotes.md\r")
        await screen.until("Really?", "your answer; Ctrl-C cancels")
        screen.type("/yes, \x1b\rreally\r")
        shown = await screen.until("understood", "YOU >")
        assert "ask_user" not in shown
        assert "there is no /yes" not in shown
        assert _said(provider) == ["delete one", "notes.md", "/yes, \nreally"]
        screen.type("/quit\r")
        assert await screen.process.wait() == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
async def test_leaving_a_question_cancels_the_turn(folder: Path, key: str) -> None:
    async with _daemon(folder, _asking("Which file?")), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("delete one\r")
        await screen.until("your answer; Ctrl-C cancels")
        screen.type(key)
        await screen.until("[cancelled]", "YOU >")
        screen.type("still here?\r")
        await screen.until("understood", "YOU >")


async def test_a_question_that_is_answered_elsewhere_is_taken_back(folder: Path) -> None:
    provider = _asking("Which file?")
    async with _daemon(folder, provider), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("delete one\r")
        await screen.until("your answer; Ctrl-C cancels")
        screen.type("half an ans")
        await screen.until("half an ans")
        assert await Ctl(folder)("send", "the", "other") == (0, "accepted in main\n", "")
        await screen.until("understood", "YOU >")
        assert _said(provider) == ["delete one", "the other"]
        screen.type("next\r")
        await screen.until("understood", "YOU >")
        assert _said(provider)[-1] == "next"


async def test_a_question_that_waits_too_long_is_taken_back(folder: Path) -> None:
    async with (
        _daemon(folder, _asking("Which file?"), sessions_question_timeout_s="1"),
        _terminal(folder, "chat") as screen,
    ):
        await screen.until("YOU >")
        screen.type("delete one\r")
        await screen.until("your answer; Ctrl-C cancels")
        await screen.until("no answer came in time", "understood", "YOU >")


async def test_keys_and_lines_are_asked_for_in_one_turn(folder: Path) -> None:
    provider = ScriptedProvider(
        [_call("shell", command="true")],
        [_call("ask_user", question="Which file?")],
        [_call("shell", command="false")],
        [Content("understood")],
    )
    async with _daemon(folder, provider), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("delete one\r")
        await screen.until("shell needs your approval", "command: true", "[n] no > ")
        screen.type("n")
        await screen.until("✗ shell true → not approved", "Which file?", "your answer")
        screen.type("yes\r")  # whose first letter would be an answer to the others
        await screen.until("command: false", "[n] no > ")
        screen.type("n")
        await screen.until("✗ shell false → not approved", "understood", "YOU >")
        assert _said(provider) == ["delete one", "yes"]


async def test_what_was_typed_before_is_no_answer(folder: Path) -> None:
    provider = ScriptedProvider(
        [Content("wait"), 1.0, _call("ask_user", question="Delete it?")], [Content("understood")]
    )
    async with _daemon(folder, provider), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("go on\r")
        await screen.until("wait")
        screen.type("yes\r")
        await screen.until("Delete it?", "your answer; Ctrl-C cancels")
        screen.type("no\r")
        await screen.until("understood", "YOU >")
        assert _said(provider) == ["go on", "no"]


async def test_ask_says_on_stderr_how_to_answer(folder: Path) -> None:
    provider = _asking("Which file?")
    async with _daemon(folder, provider), RawClient(folder / _SOCKET) as raw:
        await raw.ask({"action": "create", "session_id": "main"})
        child = await Ctl(folder).start("ask", "delete one")
        assert child.stdin is not None
        child.stdin.close()
        await raw.event("question")
        (accepted,) = await Ctl(folder).events("send", "-s", "main", "this one")
        assert (accepted["event"], accepted["mode"]) == ("accepted", "steer")
        out, err = await asyncio.wait_for(child.communicate(), 30)
        assert (child.returncode, out) == (0, b"understood\n")
        assert err.decode() == (
            "the agent asks: Which file?\nanswer with: rusterctl send -s main ANSWER\n"
        )


# Sending without waiting


async def test_send_leaves_when_the_message_is_accepted(folder: Path) -> None:
    async with running_daemon(folder, default_model="pinky/slow"):
        ctl = Ctl(folder)
        assert await ctl("send", _LONG) == (0, "accepted in main\n", "")
        (joined,) = await ctl.events("send", "--mode", "steer", "five")
        assert joined["mode"] == "steer"
        (first,) = await ctl.events("send", "--mode", "interrupt", "six")
        assert first["turn"] != joined["turn"]
        async with RawClient(folder / _SOCKET) as raw:
            attach = {"action": "attach", "session_id": "main", "since": 0}
            await raw.send(attach)
            assert (await raw.event("cancelled"))["reason"] == "interrupt"
        status, out, err = await ctl("send", "-s", "nowhere", "hi")
        assert (status, out, err.count("\n")) == (1, "", 1)


# Tools and skills by name


async def test_the_chat_passes_on_what_is_meant_for_the_agent(folder: Path) -> None:
    async with running_daemon(folder), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type("/to")
        await screen.until("/tool")
        screen.type("ol\r")
        await screen.until("AI > ", "time_now: ", "YOU >")
        screen.type("/tool model_info\r")
        await screen.until("AI > ", "[tool:model_info]", "provider=pinky", "YOU >")
        screen.type("/clock what time is it?\r")
        await screen.until("[skill clock", "AI > ", "/clock what time is it?", "YOU >")
        screen.type("/greeter hello\r")
        await screen.until("there is no /greeter", "YOU >")
        skill = folder / "config" / "skills" / "greeter"
        skill.mkdir()
        (skill / "SKILL.md").write_text("---\nname: greeter\ndescription: Greets.\n---\nGreet.\n")
        async with RawClient(folder / _SOCKET) as raw:
            await _until_installed(raw, "greeter")
        screen.type("/greeter hello\r")
        await screen.until("[skill greeter", "AI > ", "/greeter hello", "YOU >")
        screen.type("/toolbox\r")
        await screen.until("there is no /toolbox", "YOU >")


async def _until_installed(raw: RawClient, name: str) -> None:
    async with asyncio.timeout(20):
        while True:
            listed = await raw.ask({"action": "skill_list"})
            if name in {skill["name"] for skill in listed["skills"]}:
                return
            await asyncio.sleep(0.05)


async def test_piped_lines_reach_tools_too(folder: Path) -> None:
    async with running_daemon(folder):
        status, out, err = await Ctl(folder)("chat", piped=" /tool model_info\n/dance\n/clock hi\n")
        assert (status, err) == (0, "")
        assert "[tool:model_info]\nprovider=pinky\n" in out
        assert "there is no /dance" in out
        assert out.endswith("/clock hi\n")


async def test_rusterctl_tools(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        rows = [line.split("\t") for line in (await ctl("tools", "list"))[1].splitlines()]
        assert ["executes, reads, writes", "high", ""] in [row[1:4] for row in rows]
        assert "get_current_time" not in {row[0] for row in rows}
        (event,) = await ctl.events("tools", "list")
        assert event["event"] == "tool_list"

        status, out, err = await ctl("tools", "run", "model_info")
        assert (status, err) == (0, "")
        assert out.startswith("[tool:model_info]\nprovider=pinky\nmodel=echo\n")
        words = ("tools", "run", "file_write", "path=a b.txt", "content=one two")
        assert (await ctl(*words))[0] == 0
        _, out, _ = await ctl("tools", "run", "file_read", "path=a b.txt")
        assert "one two" in out
        assert "one two" in (await ctl("tools", "run", "file_read", '{"path": "a b.txt"}'))[1]
        events = await ctl.events("tools", "run", "time_now")
        assert (events[0]["message"], events[-1]["done"]) == ("/tool time_now", True)

        status, out, _ = await ctl("tools", "run", "file_read", "path=nowhere")
        assert (status, out.splitlines()[0]) == (1, "[tool:file_read] failed")
        status, out, _ = await ctl("tools", "run", "time_nwo")
        assert (status, out) == (1, "error: there is no tool 'time_nwo'\ndid you mean time_now?\n")
        await ctl("skills", "add", "clock")
        listed = (await ctl("tools", "list", "-s", "main"))[1]
        assert "get_current_time\texecutes, reads, writes\tmedium\tclock\t" in listed
        assert (await ctl("tools", "list", "-s", "nowhere"))[0] == 1


# Why


async def test_why_tells_how_an_answer_came_about(folder: Path) -> None:
    provider = ScriptedProvider([_call("time_now")], [Content("noon")])
    async with _daemon(folder, provider):
        ctl = Ctl(folder)
        status, _, err = await ctl("why")
        assert (status, err.count("\n")) == (1, 1)
        assert await ctl("ask", "say it") == (0, "noon\n", "")
        (event,) = await ctl.events("why")
        assert event["event"] == "why"
        status, out, err = await ctl("why", "--turn", str(event["turn"]))
        assert (status, err) == (0, "")
        assert f"turn {event['turn']}, answered by scripted/any\n" in out
        (tool,) = [line for line in out.splitlines() if line.startswith("time_now\t")]
        assert tool.split("\t")[2:] == ["done", "built in: computes", "", ""]
        assert "\nsystem\t" in out
        assert (await ctl("why", "--turn", "t-0000000000000000"))[0] == 1
        async with _terminal(folder, "chat") as screen:
            await screen.until("YOU >")
            screen.type("/why\r")
            await screen.until("answered by scripted/any", "time_now", "Bytes", "YOU >")
            screen.type("/why t-0\r")
            await screen.until("no end of that turn", "YOU >")


async def test_the_client_asks_for_reasons_tools_and_skills(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / _SOCKET) as client:
        await client.create("work")
        with pytest.raises(SessionError) as error:
            await client.why("work")
        assert error.value.code == "turn_not_found"
        turn = await client.submit("work", "hello")
        await client.ask("work", "and again")
        assert (await client.why("work", turn)).turn == turn
        assert (await client.why("work")).turn != turn
        assert "time_now" in {tool.name for tool in (await client.tool_list("work")).tools}
        assert json.dumps((await client.tool_list()).tools[0].parameters)
        first, second = (await client.skill_list(limit=2)).skills
        assert (await client.skill_list(limit=1, offset=1)).skills == [second]
        assert first.name < second.name
