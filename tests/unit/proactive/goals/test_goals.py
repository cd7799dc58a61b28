"""Goals, their notes, and what becomes of their jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import JobError
from ruster.proactive.goals.goal import MAX_GOALS, MAX_NOTES, Note
from ruster.proactive.goals.store import GoalStore
from ruster.proactive.goals.tracker import GoalTracker
from ruster.proactive.jobs.actions import EmitLog
from ruster.proactive.jobs.job import Job
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.schedules.schedule import Every
from ruster.testing import ManualClock

ANN, BEN = 1000, 1001


class House:
    """Goals beside jobs, in one file."""

    def __init__(self, jobs: JobStore) -> None:
        self.jobs = jobs
        self.clock = ManualClock(1000.0)
        self.pokes = 0
        self.goals = GoalTracker(GoalStore(jobs.database), self.clock, self._poke)

    def _poke(self) -> None:
        self.pokes += 1

    async def job(self, job_id: str, goal: str, owner: int = ANN) -> None:
        job = Job(job_id, owner, Every(60, 0.0), EmitLog("x"), created=1000.0, goal=goal)
        await self.jobs.add(job, self.clock.now(), 10)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    jobs = await JobStore.open(folder / "jobs.sqlite")
    try:
        yield House(jobs)
    finally:
        await jobs.aclose()


async def test_a_goal_is_kept_noted_and_achieved(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        goal = await it.goals.add(ANN, " learn to swim ", "swim")
        assert (goal.id, goal.description, goal.achieved) == ("swim", "learn to swim", False)
        it.clock.advance(1)
        await it.goals.note(ANN, "swim", "bought goggles")
        it.clock.advance(1)
        goal = await it.goals.achieve(ANN, "swim", "swam a mile")
        assert goal.achieved
        assert goal.notes == (Note(1001.0, "bought goggles"), Note(1002.0, "swam a mile"))
        assert (goal.created, goal.updated_at) == (1000.0, 1002.0)
        it.clock.advance(1)
        assert await it.goals.achieve(ANN, "swim", "again") == goal
    async with house(tmp_path) as it:
        assert await it.goals.goals(ANN) == [goal]
        named = await it.goals.add(ANN, "sleep")
        assert named.id.startswith("goal-")
        assert await it.goals.goals(None) == [named, goal]
        assert await it.goals.goals(BEN) == []


async def test_a_goal_and_its_jobs(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        for owner in (ANN, BEN):
            await it.goals.add(owner, "swim", "swim")
        await it.job("remind", "swim")
        await it.job("other", "")
        await it.job("remind", "swim", BEN)
        assert (await it.goals.get(ANN, "swim")).jobs == 1
        await it.goals.achieve(ANN, "swim")
        state = {job.id: state.enabled for job, state in await it.jobs.jobs(ANN)}
        assert state == {"remind": False, "other": True}
        assert (await it.jobs.get(BEN, "remind"))[1].enabled
        assert await it.goals.remove(ANN, "swim") == ["remind"]
        assert [job.id for job, _ in await it.jobs.jobs(ANN)] == ["other"]
        assert (await it.goals.get(BEN, "swim")).jobs == 1
        assert it.pokes == 2


async def test_a_job_needs_its_goal(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.goals.add(BEN, "swim", "swim")
        with pytest.raises(JobError) as refused:
            await it.job("remind", "swim")
        assert refused.value.code == "goal_not_found"


async def test_refusals(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.goals.add(ANN, "swim", "swim")
        for wanted, ask in {
            "goal_exists": it.goals.add(ANN, "swim", "swim"),
            "goal_not_found": it.goals.get(BEN, "swim"),
            "job_invalid": it.goals.add(ANN, "x", "No Such Name"),
        }.items():
            with pytest.raises(JobError) as refused:
                await ask
            assert refused.value.code == wanted
        for text in (" ", "x" * 4001, "a\0b", "\ud800"):
            with pytest.raises(JobError):
                await it.goals.note(ANN, "swim", text)
        for unknown in (
            it.goals.note(ANN, "no", "x"),
            it.goals.achieve(ANN, "no"),
            it.goals.remove(ANN, "no"),
        ):
            with pytest.raises(JobError, match="no goal"):
                await unknown


async def test_bounds(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        for number in range(MAX_GOALS):
            await it.goals.add(ANN, "x", f"g{number}")
        with pytest.raises(JobError) as refused:
            await it.goals.add(ANN, "x", "more")
        assert refused.value.code == "goal_limit"
        await it.goals.add(BEN, "x", "g0")
        for number in range(MAX_NOTES + 5):
            await it.goals.note(ANN, "g0", str(number))
        goal = await it.goals.get(ANN, "g0")
        assert [it.text for it in goal.notes] == [str(n) for n in range(5, MAX_NOTES + 5)]
        assert replace(goal, notes=()).updated_at == 1000.0
