"""``state.json`` as a value: jobs, approvals that wait, and goals of one user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruster.core.clock import rfc3339
from ruster.proactive.goals.goal import Goal
from ruster.proactive.jobs.actions import action_to_record
from ruster.proactive.jobs.job import Job, State
from ruster.proactive.ooda.cycle import Report
from ruster.proactive.schedules.schedule import Every

__all__ = ["document"]


def document(
    now: float,
    jobs: Sequence[tuple[Job, State]],
    waiting: Sequence[Report],
    goals: Sequence[Goal],
) -> dict[str, Any]:
    """Write how all stands; a job that follows no interval has ``interval_secs`` null."""
    return {
        "updated_at": rfc3339(now),
        "jobs": [_job(*it) for it in jobs],
        "pending_approvals": [_approval(it) for it in waiting],
        "goals": [_goal(it) for it in goals],
    }


def _job(job: Job, state: State) -> dict[str, Any]:
    last = state.last
    return {
        "id": job.id,
        "interval_secs": job.schedule.seconds if isinstance(job.schedule, Every) else None,
        "action": action_to_record(job.action),
        "enabled": state.enabled,
        "runs": state.runs,
        "next_due_at": _moment(state.due),
        "last_run_at": None if last is None else _moment(last.started),
        "last_status": None if last is None else last.outcome.value,
        "last_message": None if last is None else last.message,
    }


def _approval(report: Report) -> dict[str, Any]:
    return {
        "token": report.approval_token,
        "action": report.action,
        "risk": report.risk.value,
        "reason": report.orientation,
        "created_at": rfc3339(report.timestamp),
        "status": report.approval_status.value,
    }


def _goal(goal: Goal) -> dict[str, Any]:
    return {
        "id": goal.id,
        "description": goal.description,
        "achieved": goal.achieved,
        "updated_at": rfc3339(goal.updated_at),
        "notes": [it.text for it in goal.notes],
    }


def _moment(timestamp: float | None) -> str | None:
    return None if timestamp is None else rfc3339(timestamp)
