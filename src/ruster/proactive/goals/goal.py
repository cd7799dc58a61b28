"""A goal of a user's, and the notes on it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_GOALS", "MAX_NOTES", "Goal", "Note"]

MAX_GOALS = 100
"""Goals one user may have."""
MAX_NOTES = 200
"""Notes that are kept of a goal, the newest ones."""


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted, and when (seconds since the epoch)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Goal:
    """``owner`` is a uid; ``jobs`` counts those that belong to it; ``notes`` the oldest first."""

    id: str
    owner: int
    description: str
    created: float
    updated_at: float
    achieved: bool = False
    notes: tuple[Note, ...] = ()
    jobs: int = 0
