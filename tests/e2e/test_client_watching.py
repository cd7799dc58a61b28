"""The client tells of its connection, of any command's reply, and of what is asked anywhere."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.e2e.test_approvals import _daemon

from ruster.client import Client
from ruster.core.errors import ProtocolError
from ruster.protocol import events
from ruster.testing import DaemonProcess, running_daemon


async def test_any_command_can_be_called(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        assert isinstance((await client.call("ping")).event, events.Pong)
        await client.call("create", repeatable=False, session_id="work")
        assert (await client.list()).sessions == ["work"]
        with pytest.raises(ProtocolError) as caught:
            await client.call("no_such_thing")
        assert caught.value.code == "unknown_action"


async def test_the_loss_of_the_connection_and_the_next_one_are_told(folder: Path) -> None:
    told: list[bool] = []
    changed = asyncio.Event()

    def note(up: bool) -> None:
        told.append(up)
        changed.set()

    async with DaemonProcess(folder) as daemon, Client(folder / "r.sock") as client:
        client.watch_link(note)
        await daemon.kill()
        await asyncio.wait_for(changed.wait(), 20)
        assert told == [False]
        await daemon.start()
        await client.ping()
        assert told == [False, True]
    assert told == [False, True]  # our own end is none


async def test_questions_of_all_sessions_are_told(folder: Path) -> None:
    async with (
        _daemon(folder),
        Client(folder / "r.sock") as client,
        Client(folder / "r.sock") as other,
        aclosing(client.watch_approvals()) as told,
    ):
        first = await anext(told)
        assert isinstance(first, events.ApprovalListing)
        assert first.approvals == []
        await other.create("work")
        await other.submit("work", "ls -l")
        asked = await anext(told)
        assert isinstance(asked, events.ApprovalRequired)
        await other.reject(asked.approval_id)
        resolved = await anext(told)
        assert isinstance(resolved, events.ApprovalResolved)
        assert resolved.state == "denied"


async def test_the_watch_goes_on_with_the_next_daemon(folder: Path) -> None:
    async with (
        DaemonProcess(folder) as daemon,
        Client(folder / "r.sock") as client,
        aclosing(client.watch_approvals()) as told,
    ):
        assert isinstance(await anext(told), events.ApprovalListing)
        await daemon.kill()
        await daemon.start()
        assert isinstance(await anext(told), events.ApprovalListing)
