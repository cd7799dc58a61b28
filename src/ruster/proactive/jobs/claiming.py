"""What is to happen with a job whose time has come. Pure: times in, decision out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ruster.proactive.jobs.job import Job, Misfire, Outcome, Overlap
from ruster.proactive.schedules.schedule import At, missed, next_due

__all__ = ["Claim", "claim", "fires_at", "first_due", "rewound"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A due that is taken, once for all: ``outcome`` is ``RUNNING`` if it is to be run.

    ``due`` is the newest of those that went by, ``missed`` how many came before it. ``next_due`` is
    what comes then.
    """

    due: float
    missed: int
    outcome: Outcome
    message: str
    next_due: float | None


def first_due(job: Job, now: float) -> float | None:
    """Return a job's first due from now on."""
    return next_due(job.schedule, now)


def fires_at(job: Job, due: float) -> float:
    """Return when a due is acted on: the same delay for the same due, however often it is asked."""
    if not job.jitter_s:
        return due
    text = f"{job.owner}/{job.id}/{due!r}".encode()
    share = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) / 2**64
    return due + share * job.jitter_s


def claim(job: Job, due: float, now: float, *, runs: int, grace_s: float) -> Claim | None:
    """Decide about the due of a job, and all later ones that went by; None if none has come.

    ``runs`` counts its runs that have not ended, one of which may wait. A due is late when more
    than ``grace_s`` seconds have passed since it should have been acted on.
    """
    if fires_at(job, due) > now:
        return None
    later = missed(job.schedule, due, now - job.jitter_s)
    last = due if later.last is None else later.last
    late_s = now - fires_at(job, last)
    outcome, message = _outcome(job, runs, is_late=late_s > grace_s)
    return Claim(last, later.count, outcome, message, next_due(job.schedule, last))


def _outcome(job: Job, runs: int, *, is_late: bool) -> tuple[Outcome, str]:
    if runs > (job.overlap is Overlap.QUEUE):
        return Outcome.SKIPPED, "the run before it has not ended"
    if is_late and job.misfire is Misfire.SKIP:
        return Outcome.SKIPPED, "its time went by while ruster did not run"
    if is_late and job.misfire is Misfire.REPORT:
        return Outcome.MISSED, "its time went by while ruster did not run"
    return Outcome.RUNNING, ""


def rewound(job: Job, due: float, now: float) -> float | None:
    """Return a job's due after the clock was set back to ``now``, which may be sooner than ``due``.

    What is meant from the moment it was said comes no later than that long from now on.
    """
    if isinstance(job.schedule, At):
        if job.schedule.relative:
            return min(due, now + max(0.0, job.schedule.due - job.created))
        return due
    soonest = next_due(job.schedule, now)
    return due if soonest is None else min(due, soonest)
