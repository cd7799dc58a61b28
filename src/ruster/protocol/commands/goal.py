"""Commands about goals."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase

__all__ = [
    "GoalAchieve",
    "GoalAdd",
    "GoalCommand",
    "GoalId",
    "GoalList",
    "GoalNote",
    "GoalRemove",
    "GoalShow",
]

GoalId = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Small letters, digits, `_` and `-`.",
    ),
]
_Text = Annotated[str, Field(min_length=1, max_length=4000)]


class GoalCommand(CommandBase):
    """A command about goals."""

    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class GoalAdd(GoalCommand):
    """Keep a goal, something you want to reach. Jobs may belong to it: `job_add` with `goal`."""

    action: Literal["goal_add"] = "goal_add"
    goal_id: GoalId | None = None
    """Its name; one is made up without."""
    description: _Text


class GoalList(GoalCommand):
    """List your goals, those first that are not achieved, without their notes."""

    action: Literal["goal_list"] = "goal_list"
    all: bool = False
    """Those of all users, for the daemon's own user and root."""


class GoalShow(GoalCommand):
    """Tell all about one goal."""

    action: Literal["goal_show"] = "goal_show"
    goal_id: GoalId


class GoalNote(GoalCommand):
    """Note something on a goal; the last 200 notes are kept."""

    action: Literal["goal_note"] = "goal_note"
    goal_id: GoalId
    note: _Text


class GoalAchieve(GoalCommand):
    """Mark a goal as achieved; its jobs are switched off."""

    action: Literal["goal_achieve"] = "goal_achieve"
    goal_id: GoalId
    note: Annotated[str, Field(max_length=4000)] = ""


class GoalRemove(GoalCommand):
    """Remove a goal with its notes and its jobs."""

    action: Literal["goal_remove"] = "goal_remove"
    goal_id: GoalId
