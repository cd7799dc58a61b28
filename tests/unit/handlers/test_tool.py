"""Which tools are told to whom."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.handlers.test_callers import STRANGER, FakeCaller

from ruster.app import Daemon
from ruster.core.errors import SessionError
from ruster.handlers.tool import ToolHandlers
from ruster.protocol.commands import ToolList
from ruster.protocol.events import ToolListing
from ruster.testing import running_daemon


@pytest.fixture
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    async with running_daemon(folder) as daemon:
        yield daemon


async def _listed(daemon: Daemon, caller: FakeCaller, **fields: str | int) -> ToolListing:
    handlers = ToolHandlers(daemon.store, daemon.tools.registry)
    await handlers.list(caller, ToolList.model_validate(fields))
    (reply,) = caller.replies
    assert isinstance(reply, ToolListing)
    return reply


def _owner() -> FakeCaller:
    return FakeCaller(os.geteuid(), privileged=True)


def _stranger() -> FakeCaller:
    return FakeCaller(STRANGER, privileged=False)


async def test_a_tool_is_told_with_all_that_a_call_needs(daemon: Daemon) -> None:
    tools = {tool.name: tool for tool in (await _listed(daemon, _owner())).tools}
    assert list(tools) == sorted(tools)
    shell = tools["shell"]
    assert (shell.effects, shell.risk, shell.skill) == (
        ["executes", "reads", "writes"],
        "high",
        None,
    )
    assert shell.parameters["required"] == ["command"]
    assert tools["time_now"].effects == []
    assert "ask_user" in tools


async def test_a_stranger_is_told_of_tools_without_effects(daemon: Daemon) -> None:
    await daemon.store.create(STRANGER, "theirs", None, None)
    everything = {tool.name for tool in (await _listed(daemon, _owner())).tools}
    for fields in ({}, {"session_id": "theirs"}):
        tools = (await _listed(daemon, _stranger(), **fields)).tools
        assert {tool.name for tool in tools} < everything
        assert all(tool.effects == [] for tool in tools)
        assert "ask_user" in {tool.name for tool in tools}


async def test_a_session_has_the_tools_of_its_skills(daemon: Daemon) -> None:
    session = await daemon.store.create(os.geteuid(), "work", None, None)
    plain = {tool.name for tool in (await _listed(daemon, _owner(), session_id="work")).tools}
    await daemon.skills.add(session.folder, "clock")
    listed = await _listed(daemon, _owner(), session_id="work")
    brought = {tool.name: tool.skill for tool in listed.tools if tool.name not in plain}
    assert brought["get_current_time"] == "clock"
    assert set(brought.values()) == {"clock"}
    assert listed.session_id == "work"
    assert not brought.keys() & {tool.name for tool in (await _listed(daemon, _owner())).tools}


async def test_a_session_of_somebody_else_is_seen_as_they_do_or_not_at_all(daemon: Daemon) -> None:
    await daemon.store.create(os.geteuid(), "mine", None, None)
    await daemon.store.create(STRANGER, "theirs", None, None)
    with pytest.raises(SessionError) as refused:
        await _listed(daemon, _stranger(), session_id="mine", owner=os.geteuid())
    assert refused.value.code == "session_not_found"
    with pytest.raises(SessionError):
        await _listed(daemon, _owner(), session_id="theirs")
    seen = await _listed(daemon, _owner(), session_id="theirs", owner=STRANGER)
    assert all(tool.effects == [] for tool in seen.tools)
