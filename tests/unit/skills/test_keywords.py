"""The index of the shortlist: made in a thread, once, and never put over a newer one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from ruster.core.ranking import Ranking
from ruster.core.skills import Skill
from ruster.skills.keywords import KeywordShortlist
from tests.unit.skills.conftest import skill

_PATIENCE_S = 20.0


class Builds:
    """Stands for ``Ranking``: holds every build until it is let go, and keeps where it ran."""

    def __init__(self) -> None:
        self.gates: list[threading.Event] = []
        self.threads: list[int] = []
        self.faults: list[Exception] = []

    def __call__(self, texts: Sequence[Sequence[str]]) -> Ranking:
        gate = threading.Event()
        self.threads.append(threading.get_ident())
        self.gates.append(gate)
        assert gate.wait(_PATIENCE_S)
        if self.faults:
            raise self.faults.pop()
        return Ranking(texts)

    async def begun(self, count: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while len(self.gates) < count:
                await asyncio.sleep(0.001)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    made = Builds()
    monkeypatch.setattr("ruster.skills.keywords.Ranking", made)
    return made


def _skills(name: str) -> tuple[Skill, ...]:
    return (skill(name, "Knows about bananas."), skill("other", "Knows about trains."))


async def _names(shortlist: KeywordShortlist, skills: Sequence[Skill]) -> list[str]:
    return [it.skill.name for it in await shortlist.rank("bananas", skills, 8)]


async def test_all_who_ask_wait_for_one_build_and_the_loop_goes_on(builds: Builds) -> None:
    shortlist, skills = KeywordShortlist(), _skills("fruit")
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_names(shortlist, skills)) for _ in range(8)]
        await builds.begun(1)  # this very loop waits while the build stands still
        assert not any(it.done() for it in asked)
        builds.gates[0].set()
    assert [it.result() for it in asked] == [["fruit"]] * 8
    assert await _names(shortlist, skills) == ["fruit"]
    assert len(builds.threads) == 1
    assert builds.threads[0] != threading.get_ident()


async def test_one_who_gives_up_does_not_stop_the_build(builds: Builds) -> None:
    shortlist, skills = KeywordShortlist(), _skills("fruit")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(_names(shortlist, skills))
        second = group.create_task(_names(shortlist, skills))
        await builds.begun(1)
        first.cancel()
        await asyncio.wait({first})
        builds.gates[0].set()
    assert first.cancelled()
    assert second.result() == ["fruit"]
    assert len(builds.gates) == 1


async def test_an_overtaken_build_serves_its_askers_and_is_dropped(builds: Builds) -> None:
    shortlist, old, new = KeywordShortlist(), _skills("old"), _skills("new")
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(_names(shortlist, old))
        await builds.begun(1)
        quick = group.create_task(_names(shortlist, new))
        await builds.begun(2)
        builds.gates[1].set()
        assert await quick == ["new"]
        builds.gates[0].set()
        assert await slow == ["old"]
    assert await _names(shortlist, new) == ["new"]
    assert len(builds.gates) == 2, "the newer index is still the one in use"


async def test_a_build_that_failed_is_tried_again(builds: Builds) -> None:
    shortlist, skills = KeywordShortlist(), _skills("fruit")
    builds.faults.append(RuntimeError("no thread can be started"))
    async with asyncio.TaskGroup() as group:
        failing = group.create_task(_failure(shortlist, skills))
        await builds.begun(1)
        builds.gates[0].set()
        assert await failing == "no thread can be started"
        again = group.create_task(_names(shortlist, skills))
        await builds.begun(2)
        builds.gates[1].set()
        assert await again == ["fruit"]


async def _failure(shortlist: KeywordShortlist, skills: Sequence[Skill]) -> str:
    with pytest.raises(RuntimeError) as error:
        await shortlist.rank("bananas", skills, 8)
    return str(error.value)
