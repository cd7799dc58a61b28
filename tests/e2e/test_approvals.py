"""A turn that needs a person's approval, over the real socket and at a real terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import Ctl, _terminal

from ruster.app import Daemon
from ruster.core.inference import Complete, Content, InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo
from ruster.core.tools import Action, ActionKind, Effect, Risk, Taint, TurnScope
from ruster.testing import RawClient, running_daemon

_SOCKET = "r.sock"
_NOBODY = "pa-0000000000000000"


class AskingProvider:
    """Answers every message by wanting to run it as a command: a model with one tool."""

    def __init__(self) -> None:
        self.daemon: Daemon
        self.tainted = False

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        yield ProcessStart()
        owner, _, session_id = (request.session or "").partition("/")
        session = await self.daemon.store.get(int(owner), session_id)
        line = request.messages[-1].content
        scope = TurnScope(
            session_id=session_id,
            session_key=request.session or "",
            turn=session.running_turn or "",
            owner=int(owner),
            privileged=True,
            folder=session.folder,
            taint=Taint({"web:example.com"} if self.tainted else set()),
        )
        effects = frozenset({Effect.EXECUTES})
        action = Action("shell", {"command": line}, effects, Risk.HIGH, line)
        decision = self.daemon.trust.policy.decide(action, scope)
        if decision.kind is ActionKind.ALLOW:
            yield Content(f"ran by {decision.rule}")
        else:
            verdict = await self.daemon.trust.approver.ask(action, decision, scope)
            yield Content(f"{'ran' if verdict.approved else 'refused'} by {verdict.by}")
        yield Complete()

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("asking/any")]

    async def context_size(self, model: str) -> int | None:
        return None

    async def aclose(self) -> None:
        return


@asynccontextmanager
async def _daemon(folder: Path, **settings: Any) -> AsyncIterator[AskingProvider]:
    provider = AskingProvider()
    async with running_daemon(
        folder, providers={"asking": provider}, default_model="asking/any", **settings
    ) as daemon:
        provider.daemon = daemon
        yield provider


async def _begin(client: RawClient, line: str) -> dict[str, Any]:
    """Say something and return the question it leads to."""
    await client.send({"action": "create", "session_id": "work"})
    await client.send({"action": "send", "session_id": "work", "message": line})
    return await client.event("approval_required")


async def _answer(client: RawClient) -> str:
    pieces = [e for e in await client.turn() if e["event"] == "response" and "phase" not in e]
    return "".join(piece["delta"] for piece in pieces)


def _approve(asked: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"action": "approve", "approval_id": asked["approval_id"], **fields}


async def test_any_connection_may_answer_and_all_are_told(folder: Path) -> None:
    async with (
        _daemon(folder),
        RawClient(folder / _SOCKET) as client,
        RawClient(folder / _SOCKET) as other,
    ):
        listed = await other.ask({"action": "approval_list", "watch": True, "id": 1})
        assert (listed["approvals"], listed["watching"], listed["id"]) == ([], True, 1)
        asked = await _begin(client, "ls -l")
        assert (asked["tool"], asked["arguments"]) == ("shell", {"command": "ls -l"})
        assert asked["scopes"] == ["once", "session", "always"]
        seen = await other.event()
        assert seen == {k: v for k, v in asked.items() if k != "seq"}
        (waiting,) = (await other.ask({"action": "approval_list"}))["approvals"]
        assert waiting["approval_id"] == asked["approval_id"]
        assert waiting["turn"] == asked["turn"]
        await other.send(_approve(asked, id=2))
        told = {(event := await other.event())["event"]: event for _ in range(2)}
        assert told["approval_answered"]["id"] == 2
        assert told["approval_resolved"]["state"] == "approved"
        assert (await client.event("approval_resolved"))["turn"] == asked["turn"]
        assert (await _answer(client)).startswith("ran by uid ")
        late = await client.ask(_approve(asked), "error")
        assert late["code"] == "approval_closed"


async def test_a_rejection_in_the_envelope_form(folder: Path) -> None:
    async with _daemon(folder), RawClient(folder / _SOCKET) as client:
        asked = await _begin(client, "ls")
        arguments = {"action": "reject", "approval_id": asked["approval_id"], "reason": "no"}
        await client.send({"command": "session", "arguments": arguments})
        resolved = await client.event("approval_resolved")
        assert (resolved["state"], resolved["reason"]) == ("denied", "no")
        assert (await _answer(client)).endswith(": no")


async def test_a_grant_lasts_as_long_as_its_session(folder: Path) -> None:
    async with _daemon(folder), RawClient(folder / _SOCKET) as client:
        await client.send(_approve(await _begin(client, "ls"), scope="session"))
        await client.turn()
        assert await client.say("work", "ls") == "ran by granted for this session"
        await client.ask({"action": "delete", "session_id": "work"}, "deleted")
        assert (folder / "data" / "state" / "approvals.jsonl").read_bytes() == b""
        asked = await _begin(client, "ls")
        await client.send(_approve(asked, scope="always"))
        await client.turn()
        assert await client.say("work", "ls") == "ran by grants.json, rule 1"


async def test_a_tainted_turn_is_asked_for_anew_each_time(folder: Path) -> None:
    async with _daemon(folder) as provider, RawClient(folder / _SOCKET) as client:
        await client.send(_approve(await _begin(client, "ls"), scope="session"))
        await client.turn()
        provider.tainted = True
        asked = await _begin(client, "ls")
        assert asked["scopes"] == ["once"]
        assert "web:example.com" in asked["reason"]
        refused = await client.ask(_approve(asked, scope="session"), "error")
        assert refused["code"] == "approval_scope"
        await client.send(_approve(asked))
        assert (await _answer(client)).startswith("ran by uid ")


async def test_cancelling_the_turn_takes_the_question_back(folder: Path) -> None:
    async with _daemon(folder), RawClient(folder / _SOCKET) as client:
        asked = await _begin(client, "ls")
        await client.send({"action": "cancel", "session_id": "work"})
        resolved = await client.event("approval_resolved")
        assert (resolved["state"], resolved["turn"]) == ("withdrawn", asked["turn"])
        await client.event("cancelled")
        assert (await client.ask(_approve(asked), "error"))["code"] == "approval_closed"


async def test_a_question_runs_out(folder: Path) -> None:
    async with (
        _daemon(folder, trust_approval_timeout_s="0.05"),
        RawClient(folder / _SOCKET) as client,
    ):
        await _begin(client, "ls")
        assert (await client.event("approval_resolved"))["state"] == "expired"
        assert await _answer(client) == "refused by nobody answered in time"


async def test_a_restart_takes_questions_back_and_asks_anew(folder: Path) -> None:
    journal = folder / "data" / "state" / "approvals.jsonl"
    async with (
        _daemon(folder, shutdown_patience_s="0"),
        RawClient(folder / _SOCKET) as client,
    ):
        first = await _begin(client, "ls")
        as_killed = journal.read_bytes()
    journal.write_bytes(as_killed)
    async with _daemon(folder), RawClient(folder / _SOCKET) as client:
        since = {"action": "attach", "session_id": "work", "since": first["seq"]}
        await client.send(since)
        told = [await client.event("approval_resolved", "approval_required") for _ in range(3)]
        (second,) = [event for event in told if event["event"] == "approval_required"]
        old = [event for event in told if event["event"] == "approval_resolved"]
        assert {event["approval_id"] for event in old} == {first["approval_id"]}
        assert {event["state"] for event in old} == {"withdrawn"}
        assert "the daemon was restarted" in {event["by"] for event in old}
        assert second["approval_id"] != first["approval_id"]
        assert second["turn"] == first["turn"]
        refused = await client.ask(_approve(first), "error")
        assert refused["code"] == "approval_not_found"
        await client.send(_approve(second))
        assert (await _answer(client)).startswith("ran by uid ")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"action": "approve", "approval_id": _NOBODY}, "approval_not_found"),
        ({"action": "reject", "approval_id": _NOBODY}, "approval_not_found"),
        ({"action": "approve", "approval_id": "../../etc"}, "invalid_command"),
        ({"action": "approve", "approval_id": _NOBODY + "\n"}, "invalid_command"),
        ({"action": "approve", "approval_id": 7}, "invalid_command"),
        ({"action": "approve"}, "invalid_command"),
        ({"action": "approve", "approval_id": _NOBODY, "scope": "forever"}, "invalid_command"),
        ({"action": "approve", "approval_id": _NOBODY, "owner": 0}, "invalid_command"),
        ({"action": "reject", "approval_id": _NOBODY, "reason": "x" * 501}, "invalid_command"),
        ({"action": "approval_list", "watch": "yes"}, "invalid_command"),
    ],
)
async def test_hostile_commands_get_one_error(
    folder: Path, command: dict[str, Any], code: str
) -> None:
    async with running_daemon(folder), RawClient(folder / _SOCKET) as client:
        assert (await client.ask(command))["code"] == code
        assert (await client.ask({"action": "ping"}))["event"] == "pong"


# At a terminal


async def test_one_key_answers_in_the_chat(folder: Path) -> None:
    async with _daemon(folder) as provider, _terminal(folder, "chat", "-s", "work") as screen:
        await screen.until("YOU >")
        screen.type("ls \x1b\r" + "a" * 600 + "\r")
        await screen.until(
            "shell needs your approval", "ls \\na", "characters left out", "[v] show all of it > "
        )
        screen.type("v")
        await screen.until("a" * 600, "show all of it > ")
        screen.type("y")
        await screen.until("[approved: uid ", "ran by uid ", "YOU >")
        for key, told in (("n", "refused by uid "), ("s", "ran by uid ")):
            screen.type("ls\r")
            await screen.until("[n] no > ")
            screen.type(key)
            await screen.until(told, "YOU >")
        screen.type("ls\r")
        await screen.until("ran by granted for this session", "YOU >")
        screen.type("pwd\r")
        await screen.until("[n] no > ")
        (asked,) = provider.daemon.trust.approvals.pending()
        async with RawClient(folder / _SOCKET) as client:
            await client.ask(_approve({"approval_id": asked.question.id}), "approval_answered")
        await screen.until("[approved: uid ", "ran by uid ", "YOU >")
        screen.type("id\r")
        await screen.until("[n] no > ")
        screen.type("\x03")
        await screen.until("[cancelled]", "YOU >")
        screen.type("/quit\r")
        assert await screen.process.wait() == 0


async def test_watching_shows_and_answers(folder: Path) -> None:
    async with (
        _daemon(folder),
        RawClient(folder / _SOCKET) as client,
        _terminal(folder, "approvals", "watch") as screen,
    ):
        asked = await _begin(client, "ls \u202e; rm")
        await screen.until(asked["approval_id"], "in work", "ls \\u202e; rm", "[n] no > ")
        screen.type("n")
        await screen.until("denied, uid ")
        assert (await client.event("approval_resolved"))["state"] == "denied"
        await client.turn()
        await _begin(client, "id")
        await screen.until("[n] no > ")
        screen.type("y")
        await screen.until("approved, uid ")
        assert (await _answer(client)).startswith("ran by uid ")
        screen.type("\x03")
        assert await screen.process.wait() == 130


async def test_the_command_line_lists_approves_and_rejects(folder: Path) -> None:
    ctl = Ctl(folder)
    async with _daemon(folder), RawClient(folder / _SOCKET) as client:
        asked = await _begin(client, "ls")
        status, out, _ = await ctl("approvals", "list")
        assert (status, out.split("\t")[:3]) == (0, [asked["approval_id"], "work", "shell"])
        status, out, err = await ctl("approvals", "approve", asked["approval_id"])
        assert (status, out, err) == (0, f"approved {asked['approval_id']}\n", "")
        await client.turn()
        asked = await _begin(client, "id")
        status, out, _ = await ctl("approvals", "reject", asked["approval_id"], "-r", "no")
        assert (status, out) == (0, f"rejected {asked['approval_id']}\n")
        assert (await _answer(client)).endswith(": no")
        status, _, err = await ctl("approvals", "approve", asked["approval_id"])
        assert status == 1
        assert "closed already" in err


async def test_a_question_of_ask_is_told_on_stderr(folder: Path) -> None:
    async with _daemon(folder) as provider:
        asking = asyncio.ensure_future(Ctl(folder)("ask", "-s", "work", "ls"))
        async with RawClient(folder / _SOCKET) as client:
            await client.send({"action": "approval_list", "watch": True})
            asked = await client.event("approval_required", "approval_list")
            if asked["event"] == "approval_list" and not asked["approvals"]:
                asked = await client.event("approval_required")
            (waiting,) = provider.daemon.trust.approvals.pending()
            await client.send(_approve({"approval_id": waiting.question.id}))
            status, out, err = await asking
        assert (status, out.startswith("ran by uid ")) == (0, True)
        assert f"rusterctl approvals approve {waiting.question.id}" in err
