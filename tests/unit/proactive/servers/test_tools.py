"""Tools of event servers, through the registry that all tools take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ruster.client.event_server import EventServer, Tool
from ruster.core.errors import ToolError
from ruster.core.messages import ToolCall
from ruster.core.tools import Action, ActionKind, Decision, Effect, Risk, TurnScope, Verdict
from ruster.proactive.servers.tools import ServerTools
from ruster.testing import ManualClock
from ruster.tools.gate import Gate
from ruster.tools.registry import ToolRegistry
from ruster.tools.runs import RunFolders
from ruster.tools.settings import ToolSettings
from tests.unit.proactive.servers.support import house, scope

SCHEMA = {"type": "object", "properties": {"words": {"type": "string"}}}


async def _search(arguments: Mapping[str, Any]) -> object:
    if arguments["words"] == "nothing":
        raise ToolError("nothing was found")
    return {"found": arguments["words"]}


class Guard:
    """Asks for everything, and says yes; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Action] = []

    def decide(self, action: Action, scope: TurnScope) -> Decision:
        return Decision(ActionKind.ASK, "test", "test")

    async def ask(self, action: Action, decision: Decision, scope: TurnScope) -> Verdict:
        self.asked.append(action)
        return Verdict(True, "test")


async def test_a_session_that_is_attached_has_the_tools(folder: Path) -> None:
    tool = Tool("Search", "Finds mail.", _search, SCHEMA)
    async with house(folder) as it, EventServer("My.Mail", tools=[tool], folder=it.folder):
        await it.connected("My.Mail")
        source = ServerTools(it.servers)
        assert await source.tools(scope(folder, "before")) == ()
        await it.attach("My.Mail")
        assert await source.tools(scope(folder, "other")) == ()
        assert await source.tools(scope(folder, privileged=False)) == ()
        (found,) = await source.tools(scope(folder))
        assert (found.spec.name, found.spec.description) == ("my_mail_search", "Finds mail.")
        assert found.spec.parameters == SCHEMA
        assert found.effects == {Effect.EXECUTES}
        assert (await source.tools(scope(folder)))[0] is found  # as long as the turn runs


async def test_a_call_is_asked_for_and_marks_the_turn(folder: Path) -> None:
    tool = Tool("search", "Finds mail.", _search, SCHEMA)
    guard = Guard()
    async with house(folder) as it, EventServer("mail", tools=[tool], folder=it.folder):
        await it.connected("mail")
        await it.attach("mail")
        settings = ToolSettings()
        runs = RunFolders(settings, ManualClock())
        registry = ToolRegistry(Gate(guard, guard), runs, settings, (ServerTools(it.servers),))
        turn = scope(folder)
        done = await registry.run(turn, ToolCall("c1", "mail_search", {"words": "lunch"}))
        assert (done.text, done.failed) == ('{"found": "lunch"}', False)
        (asked,) = guard.asked
        assert (asked.tool, asked.risk, asked.confined) == ("mail_search", Risk.HIGH, False)
        assert turn.taint.origins == {"server:mail"}
        failed = await registry.run(turn, ToolCall("c2", "mail_search", {"words": "nothing"}))
        assert failed.failed
        assert "nothing was found" in failed.text


async def test_a_server_that_went_fails_the_call(folder: Path) -> None:
    tool = Tool("search", "Finds mail.", _search, SCHEMA)
    async with house(folder) as it:
        async with EventServer("mail", tools=[tool], folder=it.folder):
            await it.connected("mail")
            await it.attach("mail")
            (found,) = await ServerTools(it.servers).tools(scope(folder))
        with pytest.raises(ToolError) as failed:
            await found.invoke({"words": "x"}, scope(folder))
        assert (failed.value.code, failed.value.origin) == ("server_failed", "server:mail")
        assert await ServerTools(it.servers).tools(scope(folder)) == ()
    assert list((folder / "servers").iterdir()) == []
