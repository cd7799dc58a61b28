"""Questions for approval as notifications: the real trust, a real bus, a desktop on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.errors import SessionError
from ruster.core.tasks import spawn
from ruster.core.tools import Action, Verdict
from ruster.proactive.notifying.approvals import ApprovalNotices
from ruster.proactive.notifying.desktop import Desktop
from ruster.proactive.notifying.settings import NotifySettings
from ruster.trust.approval import Answer, State
from tests.unit.proactive.notifying.support import (
    ALL,
    DesktopServer,
    PrivateBus,
    desktop_server,
    private_bus,
)
from tests.unit.trust.support import ASK, House, house, scope, shell

YES = Answer(State.APPROVED, "uid 1000")


def _nobody(session_key: str) -> bool:
    return False


@pytest.fixture
async def bus(folder: Path) -> AsyncIterator[PrivateBus]:
    async with private_bus(folder) as started:
        yield started


@pytest.fixture
async def server(bus: PrivateBus) -> AsyncIterator[DesktopServer]:
    async with desktop_server(bus.address) as started:
        yield started


@asynccontextmanager
async def _noticed(
    it: House,
    bus: PrivateBus,
    settings: NotifySettings | None = None,
    attended: Callable[[str], bool] = _nobody,
) -> AsyncIterator[ApprovalNotices]:
    """Show the questions of a trust on the desktop of a bus."""

    async def respond(approval_id: str, approve: bool, by: str) -> object:
        state = State.APPROVED if approve else State.DENIED
        return await it.approvals.answer(approval_id, Answer(state, by))

    desktop = Desktop(bus.address)
    notices = ApprovalNotices(
        it.approvals, respond, desktop, settings or NotifySettings(), attended
    )
    try:
        yield notices
    finally:
        await notices.aclose()
        await desktop.aclose()


def _ask(it: House, action: Action, *, attended: bool = False) -> asyncio.Task[Verdict]:
    asked = it.approvals.ask(action, ASK, scope(it.folder, attended=attended))
    return spawn(asked, name="ask", log_failure=False)


@pytest.mark.parametrize(("label", "approved"), [("Approve", True), ("Reject", False)])
async def test_a_press_answers_the_question(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer, label: str, approved: bool
) -> None:
    async with house(tmp_path) as it, _noticed(it, bus):
        asking = _ask(it, shell("ls -l"))
        seen = await server.shown(1)
        assert "command=&quot;ls -l&quot;" in seen.text
        await server.press(seen.id, seen.button(label))
        assert await asking == Verdict(approved=approved, by="desktop notification")
        assert [record["kind"] for record in it.records()] == ["asked", "closed"]


async def test_an_answer_elsewhere_takes_the_notification_away(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    async with house(tmp_path) as it, _noticed(it, bus):
        asking = _ask(it, shell("ls"))
        seen = await server.shown(1)
        await it.approvals.answer(it.approvals.pending()[0].question.id, YES)
        assert (await asking).by == "uid 1000"
        assert await server.taken_away(1) == [seen.id]
        await server.press(seen.id, seen.button("Reject"))
        asking = _ask(it, shell("pwd"))
        again = await server.shown(2)
        await server.press(again.id, again.button("Approve"))
        assert (await asking).approved


async def test_a_turn_that_ends_takes_the_notification_away(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    async with house(tmp_path) as it, _noticed(it, bus):
        asking = _ask(it, shell("ls"))
        seen = await server.shown(1)
        asking.cancel()
        assert await server.taken_away(1) == [seen.id]


async def test_without_anybody_to_see_it_an_unattended_turn_waits_for_nobody(
    tmp_path: Path, bus: PrivateBus
) -> None:
    async with house(tmp_path) as it, _noticed(it, bus):
        assert "nobody is there" in (await _ask(it, shell("ls"))).by  # no server
        async with desktop_server(bus.address, ("body",)) as server:
            assert "nobody is there" in (await _ask(it, shell("ls"))).by  # one without buttons
            assert server.seen == []
        async with desktop_server(bus.address, ALL) as server:
            asking = _ask(it, shell("ls"))
            seen = await server.shown(1)
            await server.press(seen.id, seen.button("Approve"))
            assert (await asking).approved
        await bus.stop()
        assert "nobody is there" in (await _ask(it, shell("ls"))).by


async def test_an_attended_session_is_not_notified_of_unless_it_is_wanted(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    asked: list[str] = []

    def attended(session_key: str) -> bool:
        asked.append(session_key)
        return True

    async with house(tmp_path) as it:
        async with _noticed(it, bus, attended=attended):
            asking = _ask(it, shell("ls"), attended=True)
            await it.approvals.answer((await it.board.asked()).question.id, YES)
            await asking
            assert asked == ["1000/work"]
        assert server.seen == []
        wanted = NotifySettings(only_unattended=False)
        async with _noticed(it, bus, wanted, attended):
            asking = _ask(it, shell("ls"), attended=True)
            seen = await server.shown(1)
            await server.press(seen.id, seen.button("Approve"))
            assert (await asking).approved


async def test_approvals_that_are_not_to_be_notified_of_are_nobodys_presence(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    settings = NotifySettings(events=("failures",))
    async with house(tmp_path) as it, _noticed(it, bus, settings):
        assert "nobody is there" in (await _ask(it, shell("ls"))).by
        assert server.seen == []


async def test_closing_takes_away_what_waits_and_its_presence(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    async with house(tmp_path) as it, _noticed(it, bus) as notices:
        asking = _ask(it, shell("ls"))
        seen = await server.shown(1)
        await notices.aclose()
        assert await server.taken_away(1) == [seen.id]
        assert not asking.done()
        asking.cancel()
        assert "nobody is there" in (await _ask(it, shell("ls"))).by


async def test_a_press_that_does_not_count_is_told(
    tmp_path: Path, bus: PrivateBus, server: DesktopServer
) -> None:
    async def respond(approval_id: str, approve: bool, by: str) -> object:
        raise SessionError("it is closed already", code="approval_closed")

    desktop = Desktop(bus.address)
    async with house(tmp_path) as it:
        notices = ApprovalNotices(it.approvals, respond, desktop, NotifySettings(), _nobody)
        asking = _ask(it, shell("ls"))
        seen = await server.shown(1)
        await server.press(seen.id, seen.button("Approve"))
        lost = await server.shown(2)
        assert (lost.title, lost.text) == ("Your answer did not count", "it is closed already")
        asking.cancel()
        await notices.aclose()
    await desktop.aclose()
