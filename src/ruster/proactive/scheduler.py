"""Waiting for what is due next, and taking it. No model is asked to find that out.

The clock may jump: a machine sleeps, or is set. It is looked at every few seconds at the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.jobs.job import Receipt
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.runner import Runner
from ruster.proactive.settings import ProactiveSettings

__all__ = ["Scheduler"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_LONGEST_WAIT_S = 20.0
_FAILED_WAIT_S = 10.0
_SET_BACK_S = 5.0
_NOTE_S = 600.0


class Scheduler:
    """``start`` keeps it going; ``tick`` does what is due now, and is all that tests need."""

    def __init__(
        self, store: JobStore, runner: Runner, settings: ProactiveSettings, clock: Clock
    ) -> None:
        self._store = store
        self._runner = runner
        self._settings = settings
        self._clock = clock
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._seen_at: float | None = None
        self._noted_at = 0.0
        self._ticking = asyncio.Lock()

    def start(self) -> None:
        """Do what is due from now on."""
        if self._loop is None and self._settings.enabled:
            self._loop = spawn(self._run(), name="scheduler")

    def poke(self) -> None:
        """Look again: jobs have changed."""
        self._changed.set()

    async def aclose(self) -> None:
        """Stop, and end what runs."""
        if self._loop is not None:
            await cancel_and_wait(self._loop)
        await self._runner.aclose()

    async def tick(self) -> list[Receipt]:
        """Do all that is due now, and wait for it; raises JobError, StorageError."""
        tasks = await self._take()
        return list(await asyncio.gather(*tasks))

    async def settled(self) -> None:
        """Take what is due without waiting for it: for a clock that a test drives."""
        await self._take()

    async def _run(self) -> None:
        await self._resume()
        while True:
            self._changed.clear()
            try:
                await self._take()
                wait_s = await self._wait_s()
            except RusterError as error:
                _log.error("jobs_not_looked_at", why=error.message)
                wait_s = _FAILED_WAIT_S
            if wait_s > 0:
                try:
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def _resume(self) -> None:
        try:
            await self._runner.resume()
        except RusterError as error:
            _log.error("jobs_not_resumed", why=error.message)

    async def _take(self) -> Sequence[asyncio.Task[Receipt]]:
        """Take what is due and have it run."""
        async with self._ticking:
            now = self._clock.now()
            await self._note(now)
            tasks: list[asyncio.Task[Receipt]] = []
            while True:
                grace_s = self._settings.grace_s
                taken = await self._store.claim_due(now, self._runner.running, grace_s)
                if not taken:
                    return tasks
                tasks += [self._runner.start(it) for it in taken]

    async def _note(self, now: float) -> None:
        """Notice a clock that was set back, also while ruster did not run."""
        if self._seen_at is None:
            self._seen_at = await self._store.seen_at()
        if self._seen_at is not None and now < self._seen_at - _SET_BACK_S:
            moved = await self._store.rewind(now)
            _log.warning("clock_set_back", seconds=round(self._seen_at - now), moved=moved)
            self._noted_at = 0.0
        self._seen_at = now
        if not self._noted_at or now - self._noted_at >= _NOTE_S or now < self._noted_at:
            self._noted_at = now
            await self._store.note_seen_at(now)

    async def _wait_s(self) -> float:
        fires = await self._store.next_fires()
        if fires is None:
            return _LONGEST_WAIT_S
        return min(_LONGEST_WAIT_S, max(0.0, fires - self._clock.now()))
