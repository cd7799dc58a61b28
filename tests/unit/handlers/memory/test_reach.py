"""Whose memory a command reaches."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.handlers.test_callers import STRANGER, FakeCaller

from ruster.app import Daemon
from ruster.core.errors import RusterError
from ruster.handlers.memory.handlers import MemoryHandlers, MemoryParts
from ruster.memory.settings import MemorySettings
from ruster.protocol.commands import (
    MemoryAdd,
    MemoryForget,
    MemoryGet,
    MemoryKeys,
    MemoryList,
    MemorySearch,
    MemorySet,
    MemoryShow,
)
from ruster.protocol.events import (
    MemoryAdded,
    MemoryForgotten,
    MemoryKeyListing,
    MemoryListing,
    MemoryResults,
    MemoryValue,
)
from ruster.testing import ManualClock, running_daemon

ME = os.geteuid()
SECRET = "the treasure is under the oak"


@pytest.fixture
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    async with running_daemon(folder) as daemon:
        yield daemon


@pytest.fixture
def handlers(daemon: Daemon, folder: Path) -> MemoryHandlers:
    clock = ManualClock(1_700_000_000.0)
    return MemoryHandlers(
        daemon.store,
        daemon.memory.service,
        MemorySettings(),
        MemoryParts(folder / "backups", clock, daemon.tools.pages, daemon.memory.meaning),
    )


def _me() -> FakeCaller:
    return FakeCaller(ME, privileged=True)


def _stranger() -> FakeCaller:
    return FakeCaller(STRANGER, privileged=False)


async def _add(handlers: MemoryHandlers, caller: FakeCaller, text: str, **fields: Any) -> str:
    await handlers.adding.add(caller, MemoryAdd(text=text, **fields))
    added = caller.replies[-1]
    assert isinstance(added, MemoryAdded)
    return added.memory_id


async def _list(handlers: MemoryHandlers, caller: FakeCaller, **fields: Any) -> MemoryListing:
    await handlers.records.newest(caller, MemoryList(**fields))
    listed = caller.replies[-1]
    assert isinstance(listed, MemoryListing)
    return listed


async def _texts(handlers: MemoryHandlers, caller: FakeCaller, **fields: Any) -> list[str]:
    return [it.text for it in (await _list(handlers, caller, **fields)).memories]


async def test_two_users_never_see_each_others_memories(handlers: MemoryHandlers) -> None:
    mine = await _add(handlers, _me(), SECRET)
    other = _stranger()
    assert await _texts(handlers, other) == []
    await handlers.records.search(other, MemorySearch(query="treasure oak"))
    found = other.replies[-1]
    assert isinstance(found, MemoryResults)
    assert found.results == []
    with pytest.raises(RusterError) as caught:
        await handlers.records.show(other, MemoryShow(memory_id=mine))
    assert caught.value.code == "record_not_found"
    with pytest.raises(RusterError) as caught:
        await _list(handlers, other, before=mine)
    assert caught.value.code == "record_not_found"
    with pytest.raises(RusterError) as caught:
        await (await handlers.forgetting.forget(other, MemoryForget(memory_ids=[mine])))
    assert caught.value.code == "record_not_found"
    with pytest.raises(RusterError) as caught:
        await _list(handlers, other, owner=ME)
    assert caught.value.code == "not_permitted"
    assert await _texts(handlers, _me()) == [SECRET]


async def test_the_privileged_may_name_another_owner(handlers: MemoryHandlers) -> None:
    await _add(handlers, _stranger(), "the stranger likes plums")
    caller = _me()
    assert await _texts(handlers, caller, owner=STRANGER) == ["the stranger likes plums"]
    assert await _texts(handlers, caller) == []


async def test_a_sessions_memory_is_reached_only_when_it_is_named(
    daemon: Daemon, handlers: MemoryHandlers
) -> None:
    await daemon.store.create(ME, "work", None, None)
    await daemon.store.create(ME, "play", None, None)
    caller = _me()
    await _add(handlers, caller, "said at work", session_id="work", layer="interact")
    await _add(handlers, caller, "holds everywhere")
    for session_id, texts in (
        ("work", {"said at work", "holds everywhere"}),
        ("play", {"holds everywhere"}),
        (None, {"holds everywhere"}),
    ):
        assert set(await _texts(handlers, caller, session_id=session_id)) == texts
    with pytest.raises(RusterError) as caught:
        await _list(handlers, _stranger(), session_id="work", owner=ME)
    assert caught.value.code == "session_not_found"


async def test_pages_go_over_both_memories_in_order(
    daemon: Daemon, handlers: MemoryHandlers
) -> None:
    await daemon.store.create(ME, "work", None, None)
    caller = _me()
    for n in range(6):
        await _add(handlers, caller, f"number {n}", session_id="work" if n % 2 else None)
    seen: list[str] = []
    before = None
    while True:
        page = await _list(handlers, caller, session_id="work", before=before, limit=4)
        seen += [it.text for it in page.memories]
        if not page.more:
            break
        before = page.memories[-1].memory_id
    assert seen == [f"number {n}" for n in reversed(range(6))]


async def test_files_are_read_for_the_privileged_only(
    handlers: MemoryHandlers, folder: Path
) -> None:
    (folder / "a.md").write_text("words in a file")
    with pytest.raises(RusterError) as caught:
        await handlers.adding.add(_stranger(), MemoryAdd(path=str(folder / "a.md")))
    assert caught.value.code == "not_permitted"
    with pytest.raises(RusterError) as caught:
        await handlers.adding.add(_stranger(), MemoryAdd(url="https://example.org/"))
    assert caught.value.code == "not_permitted"
    for path in ("a.md", "~/a.md", f"{folder}/../a.md"):
        task = await handlers.adding.add(_me(), MemoryAdd(path=path))
        assert task is not None
        with pytest.raises(RusterError) as caught:
            await task
        assert caught.value.code == "invalid_command"


async def test_facts_by_name_are_the_sessions_or_the_owners(
    daemon: Daemon, handlers: MemoryHandlers
) -> None:
    await daemon.store.create(ME, "work", None, None)
    caller = _me()
    await handlers.facts.set(caller, MemorySet(key="city", value="Hue"))
    await handlers.facts.set(caller, MemorySet(key="city", value="Hanoi", session_id="work"))
    await handlers.facts.get(caller, MemoryGet(key="city"))
    own = caller.replies[-1]
    assert isinstance(own, MemoryValue)
    assert own.value == "Hue"
    forget = MemoryForget(key="c*", session_id="work", confirm=True)
    await (await handlers.forgetting.forget(caller, forget))
    gone = caller.replies[-1]
    assert isinstance(gone, MemoryForgotten)
    assert (gone.keys, gone.left) == (["city"], 0)
    await handlers.facts.keys(caller, MemoryKeys())
    listed = caller.replies[-1]
    assert isinstance(listed, MemoryKeyListing)
    assert listed.keys == ["city"]
    with pytest.raises(RusterError) as caught:
        await handlers.facts.get(caller, MemoryGet(key="city", session_id="work", history=True))
    assert caught.value.code == "fact_not_found"
