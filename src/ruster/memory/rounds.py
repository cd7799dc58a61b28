"""The rounds through all memories: every few hours what is due moves, once a day they are cleaned.

When that was last done is kept in a file, so that restarts and sleep neither skip nor double it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.memory import Summarizer
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.memory.memories import Memories
from ruster.memory.upkeep.settings import UpkeepSettings

__all__ = ["Rounds"]

_log = structlog.stdlib.get_logger("ruster.memory")
_LOOK_S = 600.0
_HOUR_S = 3600.0
_DAY_HOURS = 24.0


class Rounds:
    """Goes through all memories that ``files`` names (it blocks); ``state`` keeps when.

    ``summarizer`` writes the summaries, else the one that needs no model.
    """

    def __init__(
        self,
        memories: Memories,
        files: Callable[[], Iterable[Path]],
        state: Path,
        settings: UpkeepSettings,
        clock: Clock,
        summarizer: Summarizer | None = None,
    ) -> None:
        self._memories = memories
        self._summarizer = summarizer
        self._files = files
        self._state = state
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go when it is due from now on."""
        self._task = spawn(self._run(), name="rounds through the memories")

    async def aclose(self) -> None:
        """Stop; a round that runs ends with the memory it is at."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def go(self) -> None:
        """Do what is due by now."""
        done = await asyncio.to_thread(self._done)
        now = self._clock.now()
        promote = _is_due(done.get("promoted"), now, self._settings.every_hours)
        vacuum = _is_due(done.get("vacuumed"), now, _DAY_HOURS)
        if not promote and not vacuum:
            return
        for file in await asyncio.to_thread(lambda: list(self._files())):
            try:
                await self._visit(file, promote=promote, vacuum=vacuum)
            except RusterError as error:
                _log.error("memory_not_kept_up", file=str(file), why=error.message)
        done |= {"promoted": now} if promote else {}
        done |= {"vacuumed": now} if vacuum else {}
        await asyncio.to_thread(self._note, done)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)  # a machine that slept is late by this at most
            await self.go()

    async def _visit(self, file: Path, *, promote: bool, vacuum: bool) -> None:
        async with self._memories.lend(file) as store:
            upkeep = store.upkeep(self._settings)
            if self._summarizer is not None:
                upkeep.summarizer = self._summarizer
            if promote and (moved := await upkeep.promote()):
                _log.info("memory_promoted", file=str(file), moved=dict(moved))
            if vacuum:
                done = await upkeep.vacuum()
                _log.info("memory_vacuumed", file=str(file), purged=done.purged)

    def _done(self) -> dict[str, float]:
        try:
            found = json.loads(self._state.read_bytes())
            return {name: float(found[name]) for name in ("promoted", "vacuumed") if name in found}
        except (OSError, ValueError, TypeError):
            return {}

    def _note(self, done: dict[str, float]) -> None:
        temporary = self._state.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(done), "utf-8")
            temporary.replace(self._state)
        except OSError as error:
            _log.warning("rounds_not_noted", why=str(error))


def _is_due(last: float | None, now: float, hours: float) -> bool:
    """Whether so many hours have passed; a time to come was noted by a clock that was wrong."""
    return last is None or last > now or now - last >= hours * _HOUR_S
