"""The commands about what ruster does by itself, made together when the first of them comes."""

from __future__ import annotations

from dataclasses import dataclass

from ruster.handlers.goal import GoalHandlers
from ruster.handlers.job import JobHandlers
from ruster.handlers.ooda import OodaHandlers

__all__ = ["ProactiveHandlers"]


@dataclass(frozen=True, slots=True)
class ProactiveHandlers:
    """One object per family."""

    job: JobHandlers
    goal: GoalHandlers
    ooda: OodaHandlers
