"""Goals, OODA cycles and ``state.json``, put together beside the jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruster.core.clock import Clock
from ruster.core.tools import Questions
from ruster.proactive.budget import WatchedModels
from ruster.proactive.goals.store import GoalStore
from ruster.proactive.goals.tracker import GoalTracker
from ruster.proactive.jobs.job import Receipt
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.ooda.service import Ooda, OodaParts
from ruster.proactive.ooda.store import CycleStore
from ruster.proactive.pulse.document import document
from ruster.proactive.pulse.importing import take_in
from ruster.proactive.pulse.state_file import StateFile
from ruster.proactive.settings import ProactiveSettings
from ruster.storage.disk import Disk

__all__ = ["Pulse", "PulseParts"]


@dataclass(frozen=True, slots=True)
class PulseParts:
    """What it needs: ``folder`` is that of all data, ``owner`` whose ``state.json`` it is.

    ``poke`` tells the scheduler that jobs have changed; ``run_job`` runs one.
    """

    store: JobStore
    poke: Callable[[], None]
    run_job: Callable[[int, str, str], Awaitable[Receipt]]
    questions: Questions
    models: WatchedModels
    settings: ProactiveSettings
    folder: Path
    owner: int
    disk: Disk
    clock: Clock


class Pulse:
    """``goals`` and ``ooda`` work once ``open`` has returned."""

    def __init__(self, parts: PulseParts) -> None:
        self._parts = parts
        database = parts.store.database
        self._goal_store = GoalStore(database)
        self._cycles = CycleStore(database)
        self._path = parts.folder / "pulse" / "state.json"
        self._state = StateFile(self._path, self._look, parts.disk)
        self.goals = GoalTracker(self._goal_store, parts.clock, parts.poke)
        self.ooda = Ooda(
            OodaParts(
                cycles=self._cycles,
                goals=self.goals,
                questions=parts.questions,
                models=parts.models,
                run_job=parts.run_job,
                allowed=parts.settings.auto_allow_actions,
                folder=parts.folder,
                clock=parts.clock,
            )
        )

    async def open(self) -> None:
        """Take in what another daemon left, close what was open; raises JobError, StorageError."""
        parts = self._parts
        database, now = parts.store.database, parts.clock.now()
        await take_in(self._path, database, parts.owner, now, parts.settings)
        await self.ooda.resume()
        database.on_write = self._state.changed
        self._state.start()

    async def aclose(self) -> None:
        """End what waits, and write the file for the last time."""
        await self.ooda.aclose()
        await self._state.aclose()

    async def _look(self) -> dict[str, Any]:
        owner = self._parts.owner
        waiting = [it for it in await self._cycles.pending() if it.owner == owner]
        return document(
            self._parts.clock.now(),
            await self._parts.store.jobs(owner),
            waiting,
            await self._goal_store.goals(owner),
        )
