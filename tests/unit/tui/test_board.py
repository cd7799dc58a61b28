"""Which card lies in which column, and what may be moved."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.protocol.events import GoalSummary, JobSummary, ReceiptSummary
from ruster.tui.board import Column, Move, arrange, cards_of, move

_DONE = ReceiptSummary(run="r", due="2026-01-01T00:00:00Z", outcome="done", missed=0, by="schedule")


def _job(name: str, **fields: Any) -> JobSummary:
    given = {
        "job_id": name, "owner": 0, "title": "", "when": "daily", "schedule": {}, "do": {},
        "enabled": True, "running": False, "due": "2026-01-01T09:00:00+01:00", "runs": 0,
        "failures": 0, "misfire": "once", "overlap": "skip", "tell": "always", "jitter_s": 0,
        "max_tokens": 0, "timeout_s": 0, "made_by": "person", "created": "",
    }  # fmt: skip
    return JobSummary.model_validate(given | fields)


def _goal(name: str, *, achieved: bool = False) -> GoalSummary:
    return GoalSummary(
        goal_id=name, owner=0, description=f"reach {name}", achieved=achieved, created="",
        updated_at="", notes=0, jobs=1,
    )  # fmt: skip


def _names(goals: list[GoalSummary], jobs: list[JobSummary]) -> dict[Column, list[str]]:
    columns = arrange(cards_of(goals, jobs))
    return {column: [card.key for card in cards] for column, cards in columns.items()}


def test_each_card_lies_where_it_stands() -> None:
    goals = [_goal("far"), _goal("busy"), _goal("idle"), _goal("won", achieved=True)]
    jobs = [
        _job("due", goal="busy"),
        _job("off", enabled=False, goal="idle"),
        _job("runs", running=True, due=None, runs=1),
        _job("over", due=None, runs=1, last=_DONE),
        _job("upkeep", made_by="ruster"),
    ]
    assert _names(goals, jobs) == {
        Column.TO_DO: ["goal:far", "goal:idle", "job:off"],
        Column.DOING: ["goal:busy", "job:due", "job:runs"],
        Column.DONE: ["goal:won", "job:over"],
    }


@pytest.mark.parametrize(
    ("job", "by", "action"),
    [
        (_job("off", enabled=False), 1, "job_enable"),
        (_job("on"), -1, "job_disable"),
        (_job("on"), 1, ""),
        (_job("over", due=None, runs=1), -1, ""),
        (_job("off", enabled=False), -1, ""),
    ],
)
def test_jobs_move_by_being_switched(job: JobSummary, by: int, action: str) -> None:
    (card,) = cards_of([], [job])
    moved = move(card, by)
    assert moved.action == action
    assert bool(moved.refusal) is not bool(action)
    if action:
        assert moved.fields == {"job_id": job.job_id}


def test_goals_move_only_to_done_and_after_a_question() -> None:
    far, won = cards_of([_goal("a"), _goal("won", achieved=True)], [])
    assert move(far, 1).refusal
    achieved = move(far, 2)
    assert (achieved.action, achieved.fields) == ("goal_achieve", {"goal_id": "a"})
    assert achieved.ask
    assert isinstance(move(won, -1), Move)
    assert move(won, -1).refusal
    assert move(won, 1).refusal
