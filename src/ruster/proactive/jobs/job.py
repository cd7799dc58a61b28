"""A job: what is to be done, when, for whom, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ruster.proactive.jobs.actions import Action
from ruster.proactive.jobs.conditions import Condition
from ruster.proactive.schedules.schedule import Schedule

__all__ = [
    "Claimed",
    "Job",
    "MadeBy",
    "Misfire",
    "Named",
    "Outcome",
    "Overlap",
    "Receipt",
    "State",
    "Telling",
]


class Misfire(StrEnum):
    """What happens to a due that went by while the machine slept or ruster did not run."""

    ONCE = "once"
    """It is made up for, once however many went by."""
    SKIP = "skip"
    """It is left out; the receipt says so."""
    REPORT = "report"
    """It is left out, and the owner is told."""


class Overlap(StrEnum):
    """What happens when a job is due while it still runs."""

    SKIP = "skip"
    QUEUE = "queue"
    """One run waits for the end of the other; more are left out."""


class Telling(StrEnum):
    """Which outcomes the owner is told in the job's session."""

    FAILURES = "failures"
    ALWAYS = "always"
    NEVER = "never"


class MadeBy(StrEnum):
    """Whose job it is. Those of ruster itself can be switched off, but not removed."""

    PERSON = "person"
    AGENT = "agent"
    RUSTER = "ruster"


class Outcome(StrEnum):
    """What became of a due."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It was left out by a rule of the job, or of the budget."""
    MISSED = "missed"
    """It went by while nobody could do it, and is not made up for."""
    QUIET = "quiet"
    """What is watched was looked at, and nothing was to be done."""
    INTERRUPTED = "interrupted"
    """ruster was stopped in the middle; it is not done again."""


@dataclass(frozen=True, slots=True)
class Job:
    """Frozen but for its state, which the store keeps.

    ``owner`` is a uid; ``session_id`` may be empty for actions that need none. Times are seconds
    since the epoch. ``jitter_s`` delays each due by up to so much, the same for the same due.
    ``max_tokens`` and ``timeout_s`` bound one run (0: the settings' bounds). ``origins`` names
    whose words its texts may hold.
    """

    id: str
    owner: int
    schedule: Schedule
    action: Action
    created: float
    session_id: str = ""
    title: str = ""
    condition: Condition | None = None
    misfire: Misfire = Misfire.ONCE
    overlap: Overlap = Overlap.SKIP
    telling: Telling = Telling.FAILURES
    jitter_s: float = 0.0
    max_tokens: int = 0
    timeout_s: float = 0.0
    goal: str = ""
    made_by: MadeBy = MadeBy.PERSON
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """How a job stands. ``due`` is the next nominal due, ``fires`` the same with its jitter.

    ``failures`` counts those since the last success, ``told`` how often the owner was told of
    them, the last time at ``told_at``; ``seen`` is what a watch saw last.
    """

    enabled: bool = True
    due: float | None = None
    fires: float | None = None
    runs: int = 0
    failures: int = 0
    told: int = 0
    told_at: float | None = None
    seen: str = ""
    last: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one due; ``missed`` counts earlier ones that it stands for.

    ``key`` is the same however often the run is tried. ``by`` says what set it going: ``schedule``
    or the name of who asked for it.
    """

    key: str
    job: str
    owner: int
    due: float
    outcome: Outcome
    missed: int = 0
    started: float | None = None
    ended: float | None = None
    tokens: int = 0
    message: str = ""
    by: str = field(default="schedule")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A due that was taken: its job, how that stands, and the receipt that was begun."""

    job: Job
    state: State
    receipt: Receipt


Named = tuple[int, str]
"""A job's owner and id."""
