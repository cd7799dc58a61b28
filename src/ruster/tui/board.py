"""The board's columns: which card lies in which, and what moving one means to the daemon.

Does no I/O and knows no screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from ruster.protocol.events import GoalSummary, JobSummary

__all__ = ["COLUMNS", "Card", "Column", "Move", "arrange", "cards_of", "move"]


class Column(IntEnum):
    """From left to right."""

    TO_DO = 0
    DOING = 1
    DONE = 2


COLUMNS = {Column.TO_DO: "To do", Column.DOING: "Doing", Column.DONE: "Done"}


@dataclass(frozen=True, slots=True)
class Card:
    """A goal or a job."""

    kind: Literal["goal", "job"]
    name: str
    title: str
    detail: str
    column: Column

    @property
    def key(self) -> str:
        """Its own name on the board."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Move:
    """What a move comes to: a command to be sent, or why there is none; ``ask`` comes before it."""

    action: str = ""
    fields: Mapping[str, str] | None = None
    refusal: str = ""
    ask: str = ""


def cards_of(goals: Iterable[GoalSummary], jobs: Sequence[JobSummary]) -> list[Card]:
    """Make a card of each goal and each job, goals first; ruster's own upkeep is no card."""
    busy = {job.goal for job in jobs if job.goal and (job.enabled or job.running)}
    return [
        *(_goal_card(goal, busy=goal.goal_id in busy) for goal in goals),
        *(_job_card(job) for job in jobs if job.made_by != "ruster"),
    ]


def arrange(cards: Iterable[Card]) -> dict[Column, list[Card]]:
    """Lay cards into their columns."""
    columns: dict[Column, list[Card]] = {column: [] for column in Column}
    for card in cards:
        columns[card.column].append(card)
    return columns


def move(card: Card, by: int) -> Move:
    """Say what moving a card by a column to the right (1) or left (-1) comes to."""
    to = card.column + by
    if to not in (0, 1, 2):
        return Move(refusal="There is no column on that side.")
    if card.kind == "goal":
        return _move_goal(card, Column(to))
    if card.column is Column.TO_DO:
        return Move("job_enable", {"job_id": card.name})
    if card.column is Column.DOING and to == Column.TO_DO:
        return Move("job_disable", {"job_id": card.name})
    if to == Column.DONE:
        return Move(refusal="A job is done when nothing of it is due any more.")
    return Move(refusal="A job that is over is not due again; add a new one.")


def _move_goal(card: Card, to: Column) -> Move:
    if card.column is Column.DONE:
        return Move(refusal="A goal that is achieved stays so.")
    if to is Column.DONE:
        ask = f"Is the goal {card.name} achieved? Its jobs are switched off."
        return Move("goal_achieve", {"goal_id": card.name}, ask=ask)
    return Move(refusal="A goal is in Doing while one of its jobs is switched on. X achieves it.")


def _goal_card(goal: GoalSummary, *, busy: bool) -> Card:
    column = Column.DONE if goal.achieved else Column.DOING if busy else Column.TO_DO
    jobs = f"{goal.jobs} job{'s' if goal.jobs != 1 else ''}"
    return Card("goal", goal.goal_id, goal.description, jobs, column)


def _job_card(job: JobSummary) -> Card:
    last = f", last {job.last.outcome}" if job.last else ""
    if job.running:
        return Card("job", job.job_id, job.title, "runs now", Column.DOING)
    if job.due is None and job.runs:
        return Card("job", job.job_id, job.title, f"over{last}", Column.DONE)
    if not job.enabled:
        return Card("job", job.job_id, job.title, f"off{last}", Column.TO_DO)
    due = job.due[:16].replace("T", " ") if job.due else "not due"
    return Card("job", job.job_id, job.title, f"{due}{last}", Column.DOING)
