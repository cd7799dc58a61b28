"""Cycles with questions: what is asked, what an answer does, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ruster.core.errors import JobError, StorageError, ToolError
from ruster.core.tools import Action, Decision, Effect, Risk, TurnScope, Verdict
from ruster.llm.registry import Registry
from ruster.llm.router import Models
from ruster.llm.settings import LlmSettings
from ruster.proactive.budget import WatchedModels
from ruster.proactive.goals.store import GoalStore
from ruster.proactive.goals.tracker import GoalTracker
from ruster.proactive.jobs.job import Outcome, Receipt
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.ooda.cycle import Observation, Report, Status
from ruster.proactive.ooda.service import Ooda, OodaParts, Wish
from ruster.proactive.ooda.store import MAX_CYCLES, CycleStore
from ruster.testing import ManualClock

UID = 1000


@dataclass
class Question:
    """Implements ``core.tools.Asked``; answered by setting ``answer``."""

    id: str
    answer: asyncio.Future[Verdict]
    withdrawn: bool = False

    async def verdict(self) -> Verdict:
        return await self.answer

    def withdraw(self) -> None:
        self.withdrawn = True


@dataclass
class Board:
    """Implements ``core.tools.Questions``."""

    asked: list[tuple[Action, Decision, TurnScope, Question]] = field(default_factory=list)
    refusal: ToolError | None = None

    async def put(self, action: Action, decision: Decision, scope: TurnScope) -> Question:
        if self.refusal is not None:
            raise self.refusal
        question = Question(f"pa-{len(self.asked)}", asyncio.get_running_loop().create_future())
        self.asked.append((action, decision, scope, question))
        return question


class FullCycles(CycleStore):
    """Keeps nothing once it is full."""

    full = False

    async def keep(self, report: Report) -> None:
        if self.full:
            raise StorageError("no space is left", code="disk_full")
        await super().keep(report)


class House:
    """Cycles over a real file, with somebody who answers when told to."""

    def __init__(self, jobs: JobStore, folder: Path) -> None:
        clock = ManualClock()
        self.board = Board()
        self.ran: list[tuple[int, str, str]] = []
        self.cycles = FullCycles(jobs.database)
        self.goals = GoalTracker(GoalStore(jobs.database), clock, lambda: None)
        self.ooda = Ooda(
            OodaParts(
                cycles=self.cycles,
                goals=self.goals,
                questions=self.board,
                models=WatchedModels(Models(Registry(LlmSettings(), {}))),
                run_job=self._run,
                allowed=(),
                folder=folder,
                clock=clock,
            )
        )

    async def _run(self, owner: int, job_id: str, by: str) -> Receipt:
        if job_id == "missing":
            raise JobError("there is no job 'missing'")
        self.ran.append((owner, job_id, by))
        return Receipt("r", job_id, owner, 0.0, Outcome.DONE, message="fine")

    async def ended(self, report: Report) -> Report:
        """Wait until nothing is to come of a cycle any more, and return it."""
        await asyncio.gather(*self.ooda._tasks)
        return next(it for it in await self.ooda.cycles(100) if it.id == report.id)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    jobs = await JobStore.open(folder / "jobs.sqlite")
    built = House(jobs, folder)
    try:
        yield built
    finally:
        await built.ooda.aclose()
        await jobs.aclose()


async def test_a_question_shows_exactly_what_is_to_be_done(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        seen = (Observation("a", "b", "c"),)
        report = await it.ooda.run(Wish(UID, "purchase beans", seen, session_id="work"))
        assert (report.approval_status, report.approval_token) == (Status.PENDING, "pa-0")
        action, decision, scope, _ = it.board.asked[0]
        assert (action.tool, action.target, action.risk) == (
            "ooda",
            "purchase beans",
            Risk.CRITICAL,
        )
        assert action.effects == {Effect.SPENDS, Effect.NETWORK}
        assert action.arguments["action"] == "purchase beans"
        assert len(action.arguments["observations"]) == 64
        assert decision.rule.startswith("floor: ")
        assert (scope.session_key, scope.attended, scope.privileged) == (f"{UID}/work", True, True)
        assert (scope.turn, scope.surface) == (report.id, "ooda")
        other = await it.ooda.run(Wish(UID, "purchase beans", (replace(seen[0], value="d"),)))
        assert other.approval_token == "pa-1"
        assert it.board.asked[1][0].arguments != action.arguments


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict(approved=False, by="uid 1000: no"), Status.REJECTED),
        (Verdict(approved=False, by="nobody answered", unanswered=True), Status.EXPIRED),
    ],
)
async def test_a_no_does_nothing(tmp_path: Path, verdict: Verdict, status: Status) -> None:
    async with house(tmp_path) as it:
        await it.goals.add(UID, "beans", "g")
        report = await it.ooda.run(Wish(UID, "purchase with job:buy", goal_id="g"))
        it.board.asked[0][3].answer.set_result(verdict)
        done = await it.ended(report)
        assert (done.approval_status, done.outcome) == (status, verdict.by)
        assert not it.ran
        assert not (await it.goals.get(UID, "g")).achieved


async def test_a_yes_is_carried_out_once(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.goals.add(UID, "beans", "g")
        report = await it.ooda.run(Wish(UID, "purchase with job:buy", goal_id="g"))
        assert not it.ran
        it.board.asked[0][3].answer.set_result(Verdict(approved=True, by="uid 1000"))
        await it.ended(report)
        done = await it.ended(report)
        assert it.ran == [(UID, "buy", f"ooda {report.id}")]
        assert done.outcome == "the goal g is marked achieved by OODA cycle; buy done: fine"
        assert (await it.goals.get(UID, "g")).achieved


async def test_a_goal_that_went_meanwhile_and_a_job_that_is_none(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.goals.add(UID, "beans", "g")
        report = await it.ooda.run(Wish(UID, "email with job:missing", goal_id="g"))
        await it.goals.remove(UID, "g")
        it.board.asked[0][3].answer.set_result(Verdict(approved=True, by="uid 1000"))
        await it.ended(report)
        done = await it.ended(report)
        assert done.outcome == (
            "there is no goal 'g'; missing was not run: there is no job 'missing'"
        )
        with pytest.raises(JobError):
            await it.ooda.run(Wish(UID, "look", goal_id="g"))


@pytest.mark.parametrize("action", ["look at ajob:x", "job:", "job:UPPER", "xjob:buy", "jobs:buy"])
async def test_what_names_no_job_is_recorded(tmp_path: Path, action: str) -> None:
    async with house(tmp_path) as it:
        report = await it.ooda.run(Wish(UID, action))
        assert (report.approval_status, report.outcome) == (Status.NOT_REQUIRED, "recorded")
        assert not it.ran


async def test_without_anybody_to_ask_it_is_a_no(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.board.refusal = ToolError("too many wait", code="approval_impossible")
        report = await it.ooda.run(Wish(UID, "deploy"))
        assert (report.approval_status, report.outcome) == (Status.REJECTED, "too many wait")
        assert report.approval_token is None


async def test_what_cannot_be_kept_is_not_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.cycles.full = True
        with pytest.raises(StorageError):
            await it.ooda.run(Wish(UID, "deploy"))
        assert it.board.asked[0][3].withdrawn


async def test_an_approval_that_cannot_be_kept_does_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        report = await it.ooda.run(Wish(UID, "deploy with job:buy"))
        it.cycles.full = True
        it.board.asked[0][3].answer.set_result(Verdict(approved=True, by="uid 1000"))
        done = await it.ended(report)
        assert done.approval_status is Status.PENDING
        assert not it.ran


async def test_what_was_open_at_a_stop_is_closed(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        report = await it.ooda.run(Wish(UID, "deploy"))
    async with house(tmp_path) as it:
        assert [one.id for one in await it.cycles.pending()] == [report.id]
        await it.ooda.resume()
        (done,) = await it.ooda.cycles(10)
        assert done.approval_status is Status.EXPIRED
        assert await it.cycles.pending() == []


async def test_the_last_cycles_are_kept_and_none_that_waits_is_lost(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        waiting = await it.ooda.run(Wish(UID, "deploy"))
        for number in range(MAX_CYCLES + 5):
            await it.ooda.run(Wish(UID, f"look {number}"))
        found = await it.ooda.cycles(MAX_CYCLES)
        assert [one.action for one in found] == [f"look {n}" for n in range(104, 4, -1)]
        assert await it.cycles.pending() == [waiting]
