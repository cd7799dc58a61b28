"""What does an action, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ruster.proactive.jobs.actions import Action
from ruster.proactive.jobs.job import Job

__all__ = ["Bounds", "Doer", "Doers", "Done"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run may take; 0 tokens is no limit."""

    max_tokens: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """What a run brought; a ``failed`` one may have taken tokens too."""

    message: str
    tokens: int = 0
    failed: bool = False


class Doer(Protocol):
    """Does one kind of action. ``can_repeat`` says that the same key has an effect once only."""

    can_repeat: bool

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        """Do a job's action; raises errors of the tree. Cancelling ends it within a second."""
        ...


Doers = Mapping[type[Action], Doer]
