"""``rusterctl goal``: what you want to reach."""

from __future__ import annotations

from typing import Annotated

import typer

from ruster.cli.job_words import moment
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import clean_argument, printable
from ruster.protocol.events import GoalListing, GoalRemoved, GoalReport, GoalSummary

__all__ = ["achieve", "add", "list_goals", "note", "remove", "show"]

_Goal = Annotated[str, typer.Argument(help="The goal's name.")]
_Description = Annotated[list[str], typer.Argument(help="What is to be reached.")]
_Text = Annotated[list[str], typer.Argument(help="What to note.")]
_Id = Annotated[str | None, typer.Option("--id", help="Its name; one is made up without.")]
_Note = Annotated[str | None, typer.Option("--note", help="Note this as well.")]
_All = Annotated[bool, typer.Option("--all", help="Those of all users.")]


def add(
    description: _Description,
    goal_id: _Id = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a goal."""
    fields = {"description": clean_argument(" ".join(description)), "goal_id": goal_id}
    added = request(socket, GoalReport, "goal_add", as_json, **fields)
    if added is not None:
        print(printable(f"{added.goal.goal_id}: {added.goal.description}"))


def list_goals(
    everybody: _All = False, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List your goals, those first that are not achieved."""
    listed = request(socket, GoalListing, "goal_list", as_json, all=everybody)
    if listed is not None:
        print_rows(("Goal", "", "What", "Notes", "Jobs"), [_row(it) for it in listed.goals])


def show(goal: _Goal, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print all of one goal."""
    report = request(socket, GoalReport, "goal_show", as_json, goal_id=goal)
    if report is None:
        return
    it = report.goal
    print(printable(f"{it.goal_id}: {it.description}"))
    print(f"{'achieved' if it.achieved else 'open'}, since {moment(it.created)}, {it.jobs} jobs")
    for note in report.notes:
        print(printable(f"{moment(note.at)} {note.text}"))


def note(
    goal: _Goal, text: _Text, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Note something on a goal."""
    fields = {"goal_id": goal, "note": clean_argument(" ".join(text))}
    if request(socket, GoalReport, "goal_note", as_json, **fields) is not None:
        print(printable(f"noted on {goal}"))


def achieve(
    goal: _Goal, note: _Note = None, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Mark a goal as achieved; its jobs are switched off."""
    fields = {"goal_id": goal, "note": clean_argument(note or "")}
    if request(socket, GoalReport, "goal_achieve", as_json, **fields) is not None:
        print(printable(f"achieved {goal}"))


def remove(goal: _Goal, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Remove a goal with its notes and its jobs."""
    gone = request(socket, GoalRemoved, "goal_remove", as_json, goal_id=goal)
    if gone is not None:
        jobs = f" and its jobs {', '.join(gone.jobs)}" if gone.jobs else ""
        print(printable(f"removed {goal}{jobs}"))


def _row(goal: GoalSummary) -> tuple[str, ...]:
    state = "achieved" if goal.achieved else "open"
    return goal.goal_id, state, goal.description, str(goal.notes), str(goal.jobs)
