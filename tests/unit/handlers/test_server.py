"""Event servers for callers of different standing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.handlers.test_callers import STRANGER, FakeCaller
from tests.unit.proactive.servers.support import House, house

from ruster.client.event_server import EventServer, Question, Tool
from ruster.core.clock import SystemClock
from ruster.core.errors import JobError, SessionError
from ruster.handlers.server import ServerHandlers
from ruster.protocol.commands import (
    EventMode,
    ServerAttach,
    ServerDetach,
    ServerGet,
    ServerList,
    ServerSend,
    ServerSubscribe,
)
from ruster.protocol.events import (
    ServerAttached,
    ServerDetached,
    ServerListing,
    ServerReplied,
    ServerReport,
)
from ruster.testing import running_daemon

UID = os.geteuid()


async def _echo(question: Question) -> object:
    return question.message


@dataclass
class Desk:
    handlers: ServerHandlers
    house: House
    mail: EventServer


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Desk]:
    own = folder / "s"
    own.mkdir()
    async with (
        running_daemon(folder) as daemon,
        house(own) as it,
        EventServer(
            "mail",
            "Tells of mail.",
            tools=[Tool("search", "Finds mail.", _search)],
            answer=_echo,
            folder=it.folder,
        ) as mail,
    ):
        await daemon.store.create(UID, "work", None, None)
        await daemon.store.create(STRANGER, "theirs", None, None)
        await it.connected("mail")
        yield Desk(ServerHandlers(daemon.store, it.servers, SystemClock()), it, mail)


async def _search(_arguments: object) -> object:
    return []


def owner() -> FakeCaller:
    return FakeCaller(UID, privileged=True)


async def test_a_stranger_sees_attaches_and_asks_nothing(desk: Desk) -> None:
    stranger = FakeCaller(STRANGER, privileged=False)
    them = desk.handlers
    for refused in (
        them.list(stranger, ServerList()),
        them.get(stranger, ServerGet(server="mail")),
        them.attach(stranger, ServerAttach(session_id="theirs", server="mail")),
        them.detach(stranger, ServerDetach(session_id="theirs", server="mail")),
        them.send(stranger, ServerSend(server="mail", message="m")),
        them.send(stranger, ServerSend(server="mail", message="m", session_id="theirs")),
        them.subscribe(stranger, ServerSubscribe(server="mail")),
    ):
        with pytest.raises(SessionError) as error:
            await refused
        assert error.value.code == "not_permitted"
    for hidden in (
        them.attach(stranger, ServerAttach(session_id="work", server="mail")),
        them.attach(stranger, ServerAttach(session_id="work", server="mail", owner=UID)),
        them.detach(stranger, ServerDetach(session_id="work", server="mail")),
        them.send(stranger, ServerSend(server="mail", message="m", session_id="work")),
    ):
        with pytest.raises(SessionError) as error:
            await hidden
        assert error.value.code == "session_not_found"
    assert (stranger.replies, stranger.lines, stranger.on_close) == ([], [], None)
    assert desk.house.servers.outlets() == []


async def test_events_do_not_go_to_sessions_of_others(desk: Desk) -> None:
    command = ServerAttach(session_id="theirs", server="mail", owner=STRANGER)
    with pytest.raises(SessionError) as error:
        await desk.handlers.attach(owner(), command)
    assert error.value.code == "not_permitted"


async def test_what_is_attached_is_told(desk: Desk) -> None:
    caller = owner()
    command = ServerAttach(session_id="work", server="mail", mode=EventMode.PROACTIVE)
    await desk.handlers.attach(caller, command)
    await desk.mail.emit("hello")
    await desk.house.inbox.until(1)
    await desk.handlers.list(caller, ServerList())
    await desk.handlers.get(caller, ServerGet(server="mail"))
    await desk.handlers.detach(caller, ServerDetach(session_id="work", server="mail"))
    attached, listing, report, detached = caller.replies
    assert attached == ServerAttached(session_id="work", server="mail", mode="proactive")
    assert isinstance(listing, ServerListing)
    (summary,) = listing.servers
    assert (summary.state, summary.tools, summary.sessions, summary.events) == (
        "connected", 1, 1, 1,
    )  # fmt: skip
    assert isinstance(report, ServerReport)
    assert report.server == summary
    assert [tool.name for tool in report.tools] == ["search"]
    (one,) = report.attachments
    assert (one.session_id, one.owner, one.mode, one.delivered, one.dropped) == (
        "work", UID, "proactive", 1, 0,
    )  # fmt: skip
    assert detached == ServerDetached(session_id="work", server="mail", detached=True)
    with pytest.raises(JobError) as unknown:
        await desk.handlers.get(caller, ServerGet(server="nobody"))
    assert unknown.value.code == "server_not_found"


async def test_an_answer_comes_to_who_asked(desk: Desk) -> None:
    caller = owner()
    command = ServerSend(server="mail", message="hello", session_id="work")
    await (await desk.handlers.send(caller, command))
    assert caller.replies == [ServerReplied(server="mail", session_id="work", payload="hello")]
    assert caller.on_close == {}


async def test_who_leaves_waits_for_no_answer(desk: Desk) -> None:
    caller = owner()
    asked = await desk.handlers.send(caller, ServerSend(server="mail", message="hello"))
    for leave in tuple((caller.on_close or {}).values()):
        leave()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert caller.replies == []


async def test_who_listens_hears_all_until_it_leaves(desk: Desk) -> None:
    caller = owner()
    for _ in range(2):  # listening twice is listening once
        await desk.handlers.subscribe(caller, ServerSubscribe(server="mail"))
    assert caller.stays_open
    await desk.handlers.attach(caller, ServerAttach(session_id="work", server="mail"))
    await desk.mail.emit({"n": 1}, session_id="elsewhere")
    await desk.mail.emit({"n": 2})
    await desk.house.inbox.until(1)
    first, second = map(json.loads, caller.lines)
    assert (first["event"], first["payload"], first["session_id"]) == (
        "server_event", {"n": 1}, "elsewhere",
    )  # fmt: skip
    assert second["payload"] == {"n": 2}
    for leave in tuple((caller.on_close or {}).values()):
        leave()
    await desk.mail.emit({"n": 3})
    await desk.house.inbox.until(2)
    assert len(caller.lines) == 2
