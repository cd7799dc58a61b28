"""What the commands do for callers of different standing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ruster.agent.budget import DayBudget
from ruster.app import Daemon
from ruster.core.clock import SystemClock
from ruster.core.errors import SessionError
from ruster.handlers.daemon import DaemonHandlers, DaemonView
from ruster.handlers.model import ModelHandlers
from ruster.handlers.session import SessionHandlers
from ruster.protocol.commands import (
    Attach,
    CommandBase,
    Create,
    Delete,
    Detach,
    History,
    ListSessions,
    ModelCancel,
    ModelCatalogue,
    ModelDownload,
    ModelImport,
    ModelRemove,
    ModelShow,
    ModelVerify,
    Send,
    Status,
)
from ruster.protocol.events import Created, Event, ProactiveSummary, SessionList, StatusReport
from ruster.sessions.turns import TurnCounts
from ruster.testing import running_daemon

STRANGER = 54321


class FakeCaller:
    """A caller without a connection."""

    def __init__(self, uid: int, *, privileged: bool) -> None:
        self.uid = uid
        self.privileged = privileged
        self.stays_open = False
        self.closed = False
        self.on_close: dict[object, Callable[[], None]] | None = None
        self.lines: list[bytes] = []
        self.replies: list[Event] = []

    def deliver(self, line: bytes) -> None:
        self.lines.append(line)

    def reply(self, event: Event, command: CommandBase) -> None:
        self.replies.append(event)

    async def drained(self) -> None:
        return


async def _here(model: str) -> bool:
    return model != "llamacpp/org/far-away"


@pytest.fixture
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    async with running_daemon(folder) as daemon:
        yield daemon


@pytest.fixture
def handlers(daemon: Daemon) -> SessionHandlers:
    return SessionHandlers(daemon.store, _here)


@pytest.fixture
def owner() -> FakeCaller:
    return FakeCaller(os.geteuid(), privileged=True)


@pytest.fixture
def stranger() -> FakeCaller:
    return FakeCaller(STRANGER, privileged=False)


async def test_create_is_idempotent_and_switches_the_model(
    handlers: SessionHandlers, owner: FakeCaller
) -> None:
    await handlers.create(owner, Create(session_id="s"))
    await handlers.create(owner, Create(session_id="s"))
    await handlers.create(owner, Create(session_id="s", model="pinky/slow"))
    await handlers.create(owner, Create(session_id="s", title="Slow one"))
    models = [reply.model for reply in owner.replies if isinstance(reply, Created)]
    assert models == ["pinky/echo", "pinky/echo", "pinky/slow", "pinky/slow"]


async def test_the_model_of_a_session_outlives_the_daemon(folder: Path) -> None:
    caller = FakeCaller(os.geteuid(), privileged=True)
    async with running_daemon(folder) as daemon:
        await SessionHandlers(daemon.store, _here).create(
            caller, Create(session_id="s", model="pinky/slow")
        )
    async with running_daemon(folder) as daemon:
        session = await daemon.store.get(os.geteuid(), "s")
        assert session.info.model == "pinky/slow"


async def test_users_with_the_same_name_for_a_session_have_two(
    handlers: SessionHandlers, owner: FakeCaller, stranger: FakeCaller
) -> None:
    await handlers.create(owner, Create(session_id="work", title="mine"))
    with pytest.raises(SessionError, match="no session"):
        await handlers.history(stranger, History(session_id="work"))
    await handlers.create(stranger, Create(session_id="work", title="theirs"))
    await handlers.list(stranger, ListSessions())
    listed = stranger.replies[-1]
    assert isinstance(listed, SessionList)
    assert [(d.session_id, d.title) for d in listed.details] == [("work", "theirs")]


async def test_only_the_privileged_reach_into_other_users_sessions(
    handlers: SessionHandlers, owner: FakeCaller, stranger: FakeCaller
) -> None:
    await handlers.create(owner, Create(session_id="mine"))
    await handlers.create(stranger, Create(session_id="theirs"))
    for command in (
        Attach(session_id="mine", owner=owner.uid),
        Delete(session_id="mine", owner=owner.uid),
        Send(session_id="mine", owner=owner.uid, message="hi"),
    ):
        run = getattr(handlers, command.action)
        with pytest.raises(SessionError) as refused:
            await run(stranger, command)
        assert refused.value.code == "session_not_found"
    with pytest.raises(SessionError) as refused:
        await handlers.list(stranger, ListSessions(all=True))
    assert refused.value.code == "not_permitted"
    await handlers.attach(owner, Attach(session_id="theirs", owner=STRANGER))
    await handlers.list(owner, ListSessions(all=True))
    listed = owner.replies[-1]
    assert isinstance(listed, SessionList)
    assert listed.sessions == ["mine", "theirs"]


@pytest.mark.parametrize("model", ["llamacpp//etc/passwd", "llamacpp/~/x.gguf", "llamacpp/../x"])
async def test_a_stranger_may_not_point_the_daemon_at_files(
    handlers: SessionHandlers, owner: FakeCaller, stranger: FakeCaller, model: str
) -> None:
    with pytest.raises(SessionError) as refused:
        await handlers.create(stranger, Create(session_id="s", model=model))
    assert refused.value.code == "not_permitted"
    await handlers.create(owner, Create(session_id="s", model=model))


async def test_a_caller_who_left_while_attaching_is_not_kept(
    handlers: SessionHandlers, daemon: Daemon, owner: FakeCaller
) -> None:
    owner.closed = True
    await handlers.create(owner, Create(session_id="s"))
    session = await daemon.store.get(owner.uid, "s")
    assert not session.stream.has(owner)


async def test_detach_says_so_when_there_is_nothing_to_detach(
    handlers: SessionHandlers, owner: FakeCaller
) -> None:
    await handlers.create(owner, Create(session_id="s"))
    await handlers.detach(owner, Detach(session_id="s"))
    with pytest.raises(SessionError) as refused:
        await handlers.detach(owner, Detach(session_id="s"))
    assert refused.value.code == "not_attached"


async def test_deleting_leaves_nothing_on_the_disk(
    handlers: SessionHandlers, daemon: Daemon, owner: FakeCaller, folder: Path
) -> None:
    await handlers.create(owner, Create(session_id="s"))
    await handlers.send(owner, Send(session_id="s", message="a secret"))
    await handlers.delete(owner, Delete(session_id="s"))
    assert list((folder / "data" / "sessions").iterdir()) == []
    await handlers.create(owner, Create(session_id="s"))
    page, total = await (await daemon.store.get(owner.uid, "s")).history(0, 10)
    assert (page, total) == ([], 0)


async def test_what_others_do_is_not_in_a_strangers_status(
    daemon: Daemon, owner: FakeCaller, stranger: FakeCaller
) -> None:
    clock = SystemClock()
    budget = DayBudget(None, 0, clock)
    counts = TurnCounts(total=3)
    summary = ProactiveSummary(jobs=1, enabled=1, tokens_idle=0, tokens_today=0, tokens_per_day=0)

    async def proactive() -> ProactiveSummary:
        return summary

    view = DaemonView(daemon.store, counts, clock, 0.0, lambda: 7, lambda: (), budget, proactive)
    handlers = DaemonHandlers(view, daemon.services.models)
    for caller in (owner, stranger):
        await handlers.status(caller, Status())
    (mine,), (theirs,) = owner.replies, stranger.replies
    assert isinstance(mine, StatusReport)
    assert isinstance(theirs, StatusReport)
    assert (mine.turns_total, mine.connections) == (3, 7)
    assert {theirs.turns_total, theirs.connections, theirs.tokens_total, theirs.local_models} == {
        None
    }
    assert (mine.tokens_today, theirs.tokens_today) == (0, None)
    assert (mine.proactive, theirs.proactive) == (summary, None)


async def test_a_stranger_cannot_fill_the_disk_with_models(
    handlers: SessionHandlers, daemon: Daemon, owner: FakeCaller, stranger: FakeCaller
) -> None:
    far = "llamacpp/org/far-away"
    with pytest.raises(SessionError) as refused:
        await handlers.create(stranger, Create(session_id="s", model=far))
    assert refused.value.code == "not_permitted"
    await handlers.create(stranger, Create(session_id="s", model="llamacpp/org/here"))
    await handlers.create(owner, Create(session_id="s", model=far))

    models = ModelHandlers(daemon.services.store)
    refusals: list[tuple[Callable[[FakeCaller, Any], Awaitable[object]], CommandBase]] = [
        (models.list, ModelCatalogue()),
        (models.show, ModelShow(model=far)),
        (models.download, ModelDownload(model=far)),
        (models.cancel, ModelCancel(model=far)),
        (models.remove, ModelRemove(model=far)),
        (models.verify, ModelVerify(model=far)),
        (models.take_in, ModelImport(path="/etc")),
    ]
    for run, command in refusals:
        with pytest.raises(SessionError) as refused:
            await run(stranger, command)
        assert refused.value.code == "not_permitted"
