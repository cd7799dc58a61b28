"""``rusterctl pulse``: jobs, goals, cycles and their approvals in one place, by their old names."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ruster.cli import goals, jobs
from ruster.cli.approvals import approve as approve_one
from ruster.cli.approvals import reject as reject_one
from ruster.cli.job_words import job_row
from ruster.cli.location import socket_path
from ruster.cli.ooda import cycle_row
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.tables import print_rows
from ruster.client.sync import SyncClient
from ruster.core.clock import SystemClock, rfc3339
from ruster.core.errors import SessionError
from ruster.protocol import events

__all__ = ["add_goal", "approve", "disable_job", "enable_job", "reject", "remove_job", "status"]

_Token = Annotated[str | None, typer.Argument(help="The approval, such as pa-5f0c9a1be2d34c77.")]
_TokenOption = Annotated[str | None, typer.Option("--token", help="The same as an option.")]
_Reason = Annotated[str, typer.Option("--reason", "-r", help="Why not.")]
_Name = Annotated[str | None, typer.Argument(help="The name.")]
_IdOption = Annotated[str | None, typer.Option("--id", help="The same as an option.")]
_Words = Annotated[list[str] | None, typer.Argument(help="What is to be reached.")]
_Description = Annotated[str | None, typer.Option("--description", help="The same as an option.")]


def status(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Tell of jobs, approvals that wait, goals and the last cycles."""
    with SyncClient(socket_path(socket)) as client:
        state = _State(client)
    if as_json:
        print(json.dumps(state.to_record(), ensure_ascii=False, indent=2))
        return
    on = sum(job.enabled for job in state.jobs)
    achieved = sum(goal.goal.achieved for goal in state.goals)
    print(f"jobs: {len(state.jobs)}, {on} on")
    print_rows(("Job", "", "When", "Next", "What", "Last"), [job_row(it) for it in state.jobs])
    print(f"goals: {len(state.goals)}, {achieved} achieved")
    rows = [(it.goal.goal_id, it.goal.description) for it in state.goals if not it.goal.achieved]
    print_rows(("Goal", "What"), rows)
    print(f"pending approvals: {len(state.waiting)}")
    waiting = [(it["token"], it["action"], it["risk"]) for it in state.waiting]
    print_rows(("Token", "Action", "Risk"), waiting)
    if state.cycles:
        print("last cycles:")
        heads = ("When", "Action", "Risk", "Approval", "Outcome")
        print_rows(heads, [cycle_row(it) for it in state.cycles])


def approve(
    token: _Token = None,
    named: _TokenOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an action be done."""
    approve_one(_given(token, named, "TOKEN"), socket=socket, as_json=as_json)


def reject(
    token: _Token = None,
    named: _TokenOption = None,
    reason: _Reason = "rejected by operator",
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep an action from being done."""
    reject_one(_given(token, named, "TOKEN"), reason, socket, as_json)


def add_goal(
    words: _Words = None,
    description: _Description = None,
    named: _IdOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a goal."""
    text = _given(" ".join(words or ()) or None, description, "DESCRIPTION")
    goals.add([text], named, socket, as_json)


def enable_job(
    job: _Name = None,
    named: _IdOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a job on, from its next time on."""
    jobs.enable(_given(job, named, "JOB"), socket, as_json)


def disable_job(
    job: _Name = None,
    named: _IdOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a job off; it is kept."""
    jobs.disable(_given(job, named, "JOB"), socket, as_json)


def remove_job(
    job: _Name = None,
    named: _IdOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a job with its receipts."""
    jobs.remove(_given(job, named, "JOB"), socket, as_json)


def _given(argument: str | None, option: str | None, what: str) -> str:
    if (found := option if argument is None else argument) is None:
        raise typer.BadParameter(f"{what} is missing")
    return found


class _State:
    """How all stands; approvals and cycles only for those who may see them."""

    def __init__(self, client: SyncClient) -> None:
        listed = client.call("job_list").event
        self.jobs = listed.jobs if isinstance(listed, events.JobListing) else []
        self.goals = [it for it in self._goals(client) if isinstance(it, events.GoalReport)]
        self.cycles: list[events.OodaSummary] = []
        self.waiting: list[dict[str, Any]] = []
        try:
            told = client.call("ooda_list").event
        except SessionError as error:
            if error.code != "not_permitted":
                raise
            return
        if isinstance(told, events.OodaListing):
            self.cycles = told.cycles
            self.waiting = [_waiting(it) for it in told.cycles if it.approval_status == "pending"]

    def to_record(self) -> dict[str, Any]:
        """Write it as ``state.json`` is written."""
        return {
            "updated_at": rfc3339(SystemClock().now()),
            "jobs": [_job(it) for it in self.jobs],
            "pending_approvals": self.waiting,
            "goals": [_goal(it) for it in self.goals],
        }

    def _goals(self, client: SyncClient) -> list[events.Event]:
        listed = client.call("goal_list").event
        found = listed.goals if isinstance(listed, events.GoalListing) else []
        return [client.call("goal_show", goal_id=it.goal_id).event for it in found]


def _job(job: events.JobSummary) -> dict[str, Any]:
    last = job.last
    return {
        "id": job.job_id,
        "interval_secs": job.schedule.get("seconds"),
        "action": job.do,
        "enabled": job.enabled,
        "runs": job.runs,
        "next_due_at": job.due,
        "last_run_at": None if last is None else last.started,
        "last_status": None if last is None else last.outcome,
        "last_message": None if last is None else last.message,
    }


def _waiting(cycle: events.OodaSummary) -> dict[str, Any]:
    return {
        "token": cycle.approval_token or "",
        "action": cycle.action,
        "risk": cycle.risk,
        "reason": cycle.orientation,
        "created_at": cycle.timestamp,
        "status": cycle.approval_status,
    }


def _goal(report: events.GoalReport) -> dict[str, Any]:
    return {
        "id": report.goal.goal_id,
        "description": report.goal.description,
        "achieved": report.goal.achieved,
        "updated_at": report.goal.updated_at,
        "notes": [it.text for it in report.notes],
    }
