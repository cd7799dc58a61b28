"""Answers to commands about goals."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = ["GoalListing", "GoalNoteSummary", "GoalRemoved", "GoalReport", "GoalSummary"]


class GoalNoteSummary(BaseModel):
    """A note on a goal."""

    model_config = ConfigDict(frozen=True)

    at: str
    """RFC 3339."""
    text: str


class GoalSummary(BaseModel):
    """A goal, and how it stands."""

    model_config = ConfigDict(frozen=True)

    goal_id: str
    owner: int
    """A uid."""
    description: str
    achieved: bool
    created: str
    updated_at: str
    notes: int
    """How many notes it has."""
    jobs: int
    """How many jobs belong to it."""


class GoalReport(Reply):
    """One goal, with its notes, the oldest first."""

    event: Literal["goal"] = "goal"
    goal: GoalSummary
    notes: list[GoalNoteSummary]


class GoalListing(Reply):
    """Goals, those first that are not achieved."""

    event: Literal["goal_list"] = "goal_list"
    goals: list[GoalSummary]


class GoalRemoved(Reply):
    """A goal is gone, and the jobs that belonged to it."""

    event: Literal["goal_removed"] = "goal_removed"
    goal_id: str
    jobs: list[str]
