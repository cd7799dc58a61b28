"""Goals as commands ask for them, checked; what they do to jobs the scheduler is told of."""

from __future__ import annotations

import re
from collections.abc import Callable

from ruster.core.clock import Clock
from ruster.core.errors import JobError
from ruster.core.ids import new_id
from ruster.proactive.goals.goal import Goal
from ruster.proactive.goals.store import GoalStore

__all__ = ["GoalTracker"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_TEXT_CHARS = 4000


class GoalTracker:
    """Raises JobError (``goal_not_found`` and its like) and StorageError.

    ``poke`` is called when jobs may have changed.
    """

    def __init__(self, store: GoalStore, clock: Clock, poke: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._poke = poke

    async def add(self, owner: int, description: str, goal_id: str = "") -> Goal:
        """Keep a new goal, under an id of its own if none is given."""
        goal_id = goal_id or new_id("goal")
        if not _ID.match(goal_id):
            raise JobError(
                "goal_id must be 1 to 64 small letters, digits, _ or -, beginning with a letter "
                "or digit",
                code="job_invalid",
            )
        text = _checked(description, "description")
        return await self._store.add(owner, goal_id, text, self._clock.now())

    async def get(self, owner: int, goal_id: str) -> Goal:
        """Return a goal."""
        return await self._store.get(owner, goal_id)

    async def goals(self, owner: int | None) -> list[Goal]:
        """Return a user's goals, or everybody's, those first that are not achieved."""
        return await self._store.goals(owner)

    async def note(self, owner: int, goal_id: str, text: str) -> Goal:
        """Note something on a goal."""
        return await self._store.note(owner, goal_id, _checked(text, "note"), self._clock.now())

    async def achieve(self, owner: int, goal_id: str, note: str = "") -> Goal:
        """Mark a goal as achieved; its jobs are switched off."""
        note = _checked(note, "note") if note else ""
        goal = await self._store.achieve(owner, goal_id, note, self._clock.now())
        self._poke()
        return goal

    async def remove(self, owner: int, goal_id: str) -> list[str]:
        """Remove a goal and its jobs; return their ids."""
        gone = await self._store.remove(owner, goal_id)
        self._poke()
        return gone


def _checked(text: str, what: str) -> str:
    broken = any("\ud800" <= it <= "\udfff" or it == "\0" for it in text)
    if broken or not 0 < len(text.strip()) <= _TEXT_CHARS:
        raise JobError(
            f"the {what} must be 1 to {_TEXT_CHARS} characters, without NUL and halves of "
            "characters",
            code="job_invalid",
        )
    return text.strip()
