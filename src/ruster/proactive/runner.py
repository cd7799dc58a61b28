"""Running what was taken: its bounds, what it watches, its receipt, and who is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.budget import Budget, WatchedModels
from ruster.proactive.doing.doer import Bounds, Doers, Done
from ruster.proactive.jobs.actions import Prompt, Say, kind_of
from ruster.proactive.jobs.job import Claimed, Job, Named, Outcome, Receipt, State
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.settings import ProactiveSettings
from ruster.proactive.telling import Teller
from ruster.proactive.watching import Watcher

__all__ = ["Runner", "RunnerParts"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_STOPPED = "ruster was stopped in the middle of it; it is not done again"


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What running needs."""

    store: JobStore
    doers: Doers
    watcher: Watcher
    teller: Teller
    budget: Budget
    models: WatchedModels
    settings: ProactiveSettings
    clock: Clock


class Runner:
    """Runs jobs side by side, but no job beside itself."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._tasks: dict[str, asyncio.Task[Receipt]] = {}
        self._running: Counter[Named] = Counter()
        self._locks: dict[Named, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(parts.settings.max_running)

    @property
    def running(self) -> Mapping[Named, int]:
        """How many runs of each job have not ended."""
        return self._running

    def start(self, claimed: Claimed) -> asyncio.Task[Receipt]:
        """Run what was taken, in the background; the task ends with the closed receipt."""
        name = (claimed.job.owner, claimed.job.id)
        key = claimed.receipt.key
        runs = claimed.receipt.outcome is Outcome.RUNNING
        if runs:
            self._running[name] += 1
        task = self._tasks[key] = spawn(self._run(claimed), name=f"job {claimed.job.id}")

        def ended(_: asyncio.Task[Receipt]) -> None:
            self._tasks.pop(key, None)
            if runs:
                self._running[name] -= 1
                if not self._running[name]:
                    del self._running[name]
                    self._locks.pop(name, None)

        task.add_done_callback(ended)
        return task

    async def resume(self) -> None:
        """Close what was not ended before the last stop, or do it again where that is no harm."""
        for claimed in await self._parts.store.unfinished():
            if claimed.receipt.key in self._tasks:
                continue
            if self._parts.doers[type(claimed.job.action)].can_repeat:
                self.start(claimed)
            else:
                receipt = replace(claimed.receipt, outcome=Outcome.INTERRUPTED, message=_STOPPED)
                await self._close(claimed, receipt)

    async def aclose(self) -> None:
        """End what runs; its receipts stay open for the next start."""
        await cancel_and_wait(*self._tasks.values())

    async def _run(self, claimed: Claimed) -> Receipt:
        """Do a job's action and close its receipt."""
        if claimed.receipt.outcome is not Outcome.RUNNING:
            return await self._close(claimed, claimed.receipt)
        job = claimed.job
        async with AsyncExitStack() as stack:
            lock = self._locks.setdefault((job.owner, job.id), asyncio.Lock())
            await stack.enter_async_context(lock)
            if not isinstance(job.action, Say):
                await stack.enter_async_context(self._room)
            stack.enter_context(self._parts.models.wanted())
            receipt, state = await self._done(claimed)
        _log.info(
            "job_ran",
            job=job.id,
            owner=job.owner,
            action=kind_of(job.action),
            outcome=receipt.outcome.value,
            tokens=receipt.tokens,
        )
        return await self._close(replace(claimed, state=state), receipt)

    async def _done(self, claimed: Claimed) -> tuple[Receipt, State]:
        """Look at what is watched, then act within the bounds; every failure is an outcome."""
        job, receipt, state = claimed.job, claimed.receipt, claimed.state
        bounds = self._bounds(job)
        try:
            if job.condition is not None:
                seen = await self._parts.watcher.look(job.condition, state.seen)
                state = replace(state, seen=seen.memo)
                if not seen.acts:
                    return replace(receipt, outcome=Outcome.QUIET, message=seen.text), state
            asks_model = isinstance(job.action, Prompt)
            with self._parts.budget.reserved(bounds.max_tokens if asks_model else 0):
                if asks_model and (why := await self._over_budget(bounds)) is not None:
                    return replace(receipt, outcome=Outcome.SKIPPED, message=why), state
                async with asyncio.timeout(bounds.timeout_s + 5):  # doers keep their own first
                    done = await self._parts.doers[type(job.action)].do(job, receipt.key, bounds)
        except RusterError as error:
            done = Done(error.message, failed=True)
        except TimeoutError:
            done = Done(f"it took longer than {bounds.timeout_s:g} s", failed=True)
        except Exception as error:  # noqa: BLE001 - the boundary: a defect ends this run alone
            _log.error("job_broken", job=job.id, exc_info=error)
            done = Done("something in ruster itself failed; the log has the details", failed=True)
        outcome = Outcome.FAILED if done.failed else Outcome.DONE
        return replace(receipt, outcome=outcome, message=done.message, tokens=done.tokens), state

    def _bounds(self, job: Job) -> Bounds:
        own = self._parts.settings
        return Bounds(job.max_tokens or own.run_tokens, job.timeout_s or own.run_timeout_s)

    async def _over_budget(self, bounds: Bounds) -> str | None:
        """Say why a run that asks a model may not: the day's tokens are spent."""
        left = await self._parts.budget.left()
        if left is None or left >= 0:
            return None
        return (
            f"{max(0, left + bounds.max_tokens)} of the day's {self._parts.budget.limit} tokens "
            f"are left, and it may take {bounds.max_tokens}; see proactive.day_tokens"
        )

    async def _close(self, claimed: Claimed, receipt: Receipt) -> Receipt:
        """Tell what is to be told, and write the receipt's end."""
        now = self._parts.clock.now()
        closed = replace(receipt, ended=now)
        state = await self._parts.teller.told(claimed.job, claimed.state, closed, now)
        try:
            await self._parts.store.finish(closed, state)
        except RusterError as error:  # it is closed at the next start
            _log.error("receipt_not_kept", job=claimed.job.id, why=error.message)
        return closed
