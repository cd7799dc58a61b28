"""Tools and users: others have only what computes, and no say in what the owner is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.test_two_users import ALICE, BOB, User, daemon, pytestmark
from tests.e2e.turns import ask_turn, said

from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    ToolCallRequest,
)
from ruster.core.messages import Role, ToolCall
from ruster.testing import RawClient, ScriptedProvider, running_daemon

__all__ = ["daemon", "pytestmark"]  # the fixture and the marks are those of all users

_ASKS = "/tool http_get http://127.0.0.1:9/"
"""A call that is asked for; when it is approved, the address is refused."""
_CALLS: dict[str, dict[str, Any]] = {
    "shell": {"command": "touch marked"},
    "file_write": {"path": "marked", "content": "x"},
    "file_read": {"path": "marked"},
    "dir_list": {},
    "git_status": {},
    "http_get": {"url": "http://127.0.0.1:9/"},
    "http_post": {"url": "http://127.0.0.1:9/", "body": "x"},
    "run_skill_script": {"skill_name": "tester", "script_name": "mark.sh"},
    "make_mark": {},
}
_WISH = "run a shell command, write and read a file, list folders, fetch a web page, make a mark"
_SKILL = """---
name: tester
description: Marks.
tools:
  - name: make_mark
    description: Makes a mark.
    exec: touch "$WORK/marked"
---
Make marks.
"""


class CallingModel(ScriptedProvider):
    """Makes every call of ``_CALLS`` at once, then says what each one brought."""

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        self.requests.append(request)
        yield ProcessStart()
        results = [it for it in request.messages if it.role is Role.TOOL]
        if results:
            yield Content("\n".join(f"{it.name}: {it.content}" for it in results))
            yield Complete()
            return
        for tool, arguments in _CALLS.items():
            yield ToolCallRequest(ToolCall(new_id("call"), tool, arguments))
        yield Complete(FinishReason.TOOL_CALLS)


@asynccontextmanager
async def _running(folder: Path, model: ScriptedProvider) -> AsyncIterator[Path]:
    """Run a daemon of root in this process, every tool allowed; yield its socket's path."""
    scripts = folder / "config" / "skills" / "tester" / "scripts"
    scripts.mkdir(parents=True)
    (scripts.parent / "SKILL.md").write_text(_SKILL)
    (scripts / "mark.sh").write_text('touch "$WORK/marked"\n')
    settings: dict[str, Any] = {
        "default_model": "calling/any",
        "trust_auto_allow": "*",
        "tools_offer_bytes": "100000",
        "skill_selector": "keywords",
        "initial_skills": "tester",
    }
    async with running_daemon(folder, providers={"calling": model}, **settings):
        yield folder / "r.sock"


async def _create(client: RawClient) -> None:
    await client.ask({"action": "create", "session_id": "work"}, "created")


async def _begin(client: RawClient, message: str) -> dict[str, Any]:
    """Say something in a new session and return the question it leads to."""
    await _create(client)
    await client.send({"action": "send", "session_id": "work", "message": message})
    return await client.event("approval_required")


async def test_others_are_offered_what_only_computes(shared: Path) -> None:
    model = ScriptedProvider([Content("ok")])
    async with (
        _running(shared, model) as path,
        User(path, ALICE) as alice,
        RawClient(path) as root,
    ):
        for client in (alice, root):
            await _create(client)
            assert await client.say("work", _WISH) == "ok"
    offered, of_root = ({tool.name for tool in it.tools} for it in model.requests)
    assert {"shell", "file_read", "web_fetch", "make_mark"} <= of_root
    assert offered
    assert offered <= {
        "ask_user", "model_info", "paginate_tool_output", "session_tail", "time_now",
    }  # fmt: skip


async def test_what_a_model_of_others_calls_all_the_same_is_refused(shared: Path) -> None:
    model = CallingModel()
    async with (
        _running(shared, model) as path,
        User(path, ALICE) as alice,
        RawClient(path) as root,
        RawClient(path) as watcher,
    ):
        await watcher.ask({"action": "approval_list", "watch": True}, "approval_list")
        await _create(alice)
        told = said(await ask_turn(alice, "work", _WISH)).splitlines()
        results = dict(line.split(": ", 1) for line in told if ": error: " in line)
        assert set(results) == set(_CALLS)
        for tool, result in results.items():
            assert f"{tool} is for the owner of this machine's ruster only" in result
        assert list((shared / "data").rglob("marked")) == []
        await _create(root)  # the control: they are refused to others, and to nobody else
        told = said(await ask_turn(root, "work", _WISH)).splitlines()
        assert not [line for line in told if "is for the owner" in line]
        assert len(list((shared / "data").rglob("marked"))) == 1
        await watcher.send({"action": "ping"})
        assert (await watcher.event())["event"] == "pong"  # nobody was asked


async def test_others_call_no_tool_with_effects_by_themselves(daemon: Path) -> None:
    async with User(daemon, ALICE) as alice:
        await _create(alice)
        assert await alice.say("work", "hello") == "hello"
        listed = [line.split(":")[0] for line in (await alice.say("work", "/tool")).splitlines()]
        assert "time_now" in listed
        assert not set(_CALLS) & set(listed)
        assert (await alice.say("work", "/tool time_now")).startswith("[tool:time_now]\n20")
        for tool in ("shell id", "file_read /etc/passwd", "http_get http://127.0.0.1:9/"):
            assert "is for the owner" in await alice.say("work", f"/tool {tool}")


async def test_the_owners_have_them_all(daemon: Path) -> None:
    for uid in {0, daemon.stat().st_uid}:
        async with User(daemon, uid) as owner:
            await _create(owner)
            listed = {it.split(":")[0] for it in (await owner.say("work", "/tool")).splitlines()}
            assert {"shell", "file_read", "http_get", "time_now"} <= listed
            assert "nothing" in await owner.say("work", "/tool dir_list")


async def test_a_command_of_root_runs(shared: Path) -> None:
    async with _running(shared, CallingModel()) as path, RawClient(path) as root:
        await _create(root)
        assert (await root.say("work", "/tool shell echo $((40 + 2))")) == "[tool:shell]\n42"


async def test_others_have_no_say_in_what_the_owner_is_asked(daemon: Path) -> None:
    uids = sorted({0, daemon.stat().st_uid})
    for uid in uids:
        async with User(daemon, uid) as owner, User(daemon, BOB) as bob:
            asked = await _begin(owner, _ASKS)
            for command in (
                {"action": "approve", "approval_id": asked["approval_id"]},
                {"action": "reject", "approval_id": asked["approval_id"]},
                {"action": "approval_list"},
                {"action": "approval_list", "watch": True},
            ):
                assert (await bob.ask(command))["code"] == "not_permitted"
            async with User(daemon, uids[0]) as other:
                (waiting,) = (await other.ask({"action": "approval_list"}))["approvals"]
                assert waiting["approval_id"] == asked["approval_id"]
                approve = {"action": "approve", "approval_id": asked["approval_id"]}
                await other.ask(approve, "approval_answered")
            answer = said(await owner.turn())
            assert "not approved" not in answer
            assert "not public" in answer  # it was run, and its address refused
            await bob.send({"action": "ping"})
            assert (await bob.event())["event"] == "pong"  # nothing was told to him


async def test_others_cannot_answer_a_question_of_the_owner(daemon: Path) -> None:
    async with User(daemon, 0) as root, User(daemon, BOB) as bob:
        await _create(root)
        send = {"action": "send", "session_id": "work"}
        await root.send(send | {"message": "/tool ask_user Which?"})
        await root.event("question")
        for owner in ({}, {"owner": 0}):
            assert (await bob.ask(send | {"message": "mine"} | owner))["code"] == (
                "session_not_found"
            )
        await _create(bob)
        assert await bob.say("work", "mine") == "mine"  # in a session of his own, with that name
        await root.send(send | {"message": "blue"})
        assert "[the next message is the answer]" in said(await root.turn())


async def test_others_see_no_account_and_no_settings_of_the_owner(daemon: Path) -> None:
    async with User(daemon, 0) as root, User(daemon, BOB) as bob:
        await _create(root)
        await root.say("work", "/tool dir_list")
        why = {"action": "why", "session_id": "work"}
        assert (await root.ask(why))["event"] == "why"
        for owner in ({}, {"owner": 0}, {"owner": daemon.stat().st_uid}):
            assert (await bob.ask(why | owner))["code"] == "session_not_found"
        for command in (
            {"action": "config_list"},
            {"action": "config_get", "key": "trust.auto_allow"},
            {"action": "config_set", "key": "trust.auto_allow", "value": ["*"]},
        ):
            assert (await bob.ask(command))["code"] == "not_permitted"
        await _create(bob)
        await bob.say("work", "hello")
        assert (await bob.ask(why))["event"] == "why"  # of what is his own he does
        assert (await root.ask(why | {"owner": BOB}))["event"] == "why"
