"""OODA cycles from beginning to end: judged, asked for if need be, carried out, kept.

A question stays open while other things go on; what was open at a stop is never done.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import JobError, RusterError, ToolError
from ruster.core.ids import new_id
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tools import Action, ActionKind, Asked, Decision, Questions, TurnScope
from ruster.proactive.budget import WatchedModels
from ruster.proactive.goals.tracker import GoalTracker
from ruster.proactive.jobs.job import Receipt
from ruster.proactive.ooda.cycle import Observation, Report, Status, judge, orient
from ruster.proactive.ooda.model import word_of
from ruster.proactive.ooda.risk import effects_of
from ruster.proactive.ooda.store import CycleStore

__all__ = ["Ooda", "OodaParts", "Wish"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_JOB = re.compile(r"(?<![\w-])job:([a-z0-9][a-z0-9_-]{0,63})(?![\w-])")
_RULE = "floor: ooda"  # approved once and never for all
_ACHIEVED = "marked achieved by OODA cycle"
_STOPPED = "ruster was stopped before it was answered"


@dataclass(frozen=True, slots=True)
class OodaParts:
    """What cycles need. ``run_job`` runs a job of an owner's, named by id, and says for whom.

    ``allowed`` are the words that need no approval; ``folder`` is that of questions without a
    session.
    """

    cycles: CycleStore
    goals: GoalTracker
    questions: Questions
    models: WatchedModels
    run_job: Callable[[int, str, str], Awaitable[Receipt]]
    allowed: tuple[str, ...]
    folder: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class Wish:
    """What a cycle is asked for: ``model`` names the model that may speak, empty for none."""

    owner: int
    action: str
    observations: tuple[Observation, ...] = ()
    goal_id: str = ""
    session_id: str = ""
    model: str = ""


class Ooda:
    """Raises JobError (``goal_not_found``) and StorageError."""

    def __init__(self, parts: OodaParts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Close what was open at the last stop; its questions are withdrawn."""
        for report in await self._parts.cycles.pending():
            await self._keep(replace(report, approval_status=Status.EXPIRED, outcome=_STOPPED))

    async def aclose(self) -> None:
        """Leave what waits for an answer; it is closed at the next start."""
        await cancel_and_wait(*self._tasks)

    async def cycles(self, limit: int) -> list[Report]:
        """Return the newest cycles, the newest first."""
        return await self._parts.cycles.cycles(limit)

    async def run(self, wish: Wish) -> Report:
        """Go through one cycle; the caller has made sure that whoever asks may.

        It returns at once: an answer is waited for, and a job is run, in the background.
        """
        if wish.goal_id:
            await self._parts.goals.get(wish.owner, wish.goal_id)
        choice, risk, status = judge(wish.action, wish.observations, self._parts.allowed)
        report = Report(
            id=new_id("o"),
            owner=wish.owner,
            timestamp=self._parts.clock.now(),
            observations=wish.observations,
            orientation=await self._orientation(wish),
            decision=choice,
            action=wish.action,
            risk=risk,
            approval_status=status,
            goal_id=wish.goal_id or None,
        )
        return await (self._act(report) if status.allows else self._ask(report, wish.session_id))

    async def _orientation(self, wish: Wish) -> str:
        plain = orient(wish.observations)
        if not wish.model or not wish.observations:
            return plain
        with self._parts.models.wanted():
            word = await word_of(self._parts.models, wish.model, wish.observations)
        return f"{plain}; {word}" if word else plain

    # Asking

    async def _ask(self, report: Report, session_id: str) -> Report:
        """Put the question; without anybody to ask the answer is no."""
        decision = Decision(ActionKind.ASK, _RULE, f"an OODA cycle wants it: {report.orientation}")
        scope = TurnScope(
            session_id=session_id,
            session_key=f"{report.owner}/{session_id}",
            turn=report.id,
            owner=report.owner,
            privileged=True,
            folder=self._parts.folder,
            surface="ooda",
        )
        try:
            asked = await self._parts.questions.put(_action(report), decision, scope)
        except ToolError as error:
            refused = replace(report, approval_status=Status.REJECTED, outcome=error.message)
            return await self._keep(refused)
        report = replace(report, approval_token=asked.id)
        try:
            await self._keep(report)
        except BaseException:
            asked.withdraw()
            raise
        self._spawn(partial(self._wait, report, asked), f"wait for {asked.id}")
        return report

    async def _wait(self, report: Report, asked: Asked) -> None:
        verdict = await asked.verdict()
        if verdict.approved:
            report = replace(report, approval_status=Status.APPROVED)
            await self._act(await self._keep(report))
            return
        status = Status.EXPIRED if verdict.unanswered else Status.REJECTED
        await self._keep(replace(report, approval_status=status, outcome=verdict.by))

    # Acting

    async def _act(self, report: Report) -> Report:
        """Carry out what is allowed: the goal is achieved, the job that is named is run."""
        told = await self._achieve(report)
        named = _JOB.search(report.action)
        if named is None:
            return await self._keep(replace(report, outcome=told or "recorded"))
        report = await self._keep(replace(report, outcome=told))
        self._spawn(partial(self._run, report, named[1]), f"{report.id} runs {named[1]}")
        return report

    async def _achieve(self, report: Report) -> str:
        if not report.goal_id:
            return ""
        try:
            await self._parts.goals.achieve(report.owner, report.goal_id, _ACHIEVED)
        except JobError as error:  # it was removed while the question waited
            return error.message
        return f"the goal {report.goal_id} is {_ACHIEVED}"

    async def _run(self, report: Report, job_id: str) -> None:
        try:
            done = await self._parts.run_job(report.owner, job_id, f"ooda {report.id}")
            told = f"{job_id} {done.outcome.value}: {done.message}"
        except RusterError as error:
            told = f"{job_id} was not run: {error.message}"
        told = f"{report.outcome}; {told}" if report.outcome else told
        await self._keep(replace(report, outcome=told))

    async def _keep(self, report: Report) -> Report:
        await self._parts.cycles.keep(report)
        _log.info(
            "ooda",
            cycle=report.id,
            action=report.action,
            decision=report.decision.value,
            risk=report.risk.value,
            approval=report.approval_status.value,
            outcome=report.outcome,
        )
        return report

    def _spawn(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        async def run() -> None:
            try:
                await work()
            except RusterError as error:
                _log.error("ooda_failed", task=name, why=error.message)

        task = spawn(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _action(report: Report) -> Action:
    """Return the action as a person is shown it."""
    seen = json.dumps([asdict(it) for it in report.observations], sort_keys=True)
    arguments = {
        "action": report.action,
        "goal_id": report.goal_id,
        "observations": hashlib.sha256(seen.encode("utf-8", "surrogatepass")).hexdigest(),
    }
    return Action("ooda", arguments, effects_of(report.action), report.risk, report.action)
