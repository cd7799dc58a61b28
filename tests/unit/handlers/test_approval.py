"""Approvals for callers of different standing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.unit.handlers.test_callers import STRANGER, FakeCaller
from tests.unit.trust.support import ASK, house, scope, shell

from ruster.core.errors import SessionError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.handlers.approval import ApprovalHandlers
from ruster.protocol.commands import ApprovalList, Approve, Reject
from ruster.protocol.events import ApprovalListing


async def test_a_stranger_sees_and_answers_nothing(folder: Path) -> None:
    async with house(folder) as it:
        handlers = ApprovalHandlers(it.approvals)
        stranger = FakeCaller(STRANGER, privileged=False)
        asked = it.approvals.ask(shell("ls"), ASK, scope(folder, owner=STRANGER))
        asking = spawn(asked, name="ask", log_failure=False)
        approval_id = (await it.board.asked()).question.id
        for refused in (
            handlers.list(stranger, ApprovalList(watch=True)),
            handlers.approve(stranger, Approve(approval_id=approval_id)),
            handlers.approve(stranger, Approve(approval_id="pa-0000000000000000")),
            handlers.reject(stranger, Reject(approval_id=approval_id)),
        ):
            with pytest.raises(SessionError) as error:
                await refused
            assert error.value.code == "not_permitted"
        assert (stranger.replies, stranger.lines, stranger.on_close) == ([], [], None)
        assert len(it.approvals.pending()) == 1
        await handlers.approve(FakeCaller(0, privileged=True), Approve(approval_id=approval_id))
        verdict = await asking
        assert (verdict.approved, verdict.by) == (True, "uid 0")
        assert stranger.lines == []


async def test_whoever_watches_is_told_until_it_leaves(folder: Path) -> None:
    async with house(folder) as it:
        handlers = ApprovalHandlers(it.approvals)
        root = FakeCaller(0, privileged=True)
        for _ in range(2):  # watching twice is watching once
            await handlers.list(root, ApprovalList(watch=True))
        assert root.stays_open
        assert isinstance(root.replies[0], ApprovalListing)
        asking = spawn(
            it.approvals.ask(shell("ls"), ASK, scope(folder)), name="ask", log_failure=False
        )
        await it.board.asked()
        (line,) = root.lines
        told = json.loads(line)
        assert (told["event"], told["turn"]) == ("approval_required", "t-1")
        assert "seq" not in told
        for leave in (root.on_close or {}).values():
            leave()
        await cancel_and_wait(asking)
        await asyncio.sleep(0)
        assert len(root.lines) == 1
