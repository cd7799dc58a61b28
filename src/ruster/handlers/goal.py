"""Goals: goal_add, goal_list, goal_show, goal_note, goal_achieve, goal_remove. Everybody may have
goals of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ruster.core.clock import rfc3339
from ruster.core.errors import JobError
from ruster.handlers.caller import Caller, require_privilege
from ruster.proactive.goals.goal import Goal
from ruster.proactive.goals.tracker import GoalTracker
from ruster.protocol.commands import (
    GoalAchieve,
    GoalAdd,
    GoalCommand,
    GoalList,
    GoalNote,
    GoalRemove,
    GoalShow,
)
from ruster.protocol.events import (
    GoalListing,
    GoalNoteSummary,
    GoalRemoved,
    GoalReport,
    GoalSummary,
)

__all__ = ["GoalHandlers"]


class GoalHandlers:
    """The commands about goals. ``tracker`` waits until they are at hand."""

    def __init__(self, tracker: Callable[[], Awaitable[GoalTracker]]) -> None:
        self._tracker = tracker

    async def add(self, caller: Caller, command: GoalAdd) -> None:
        """Keep a new goal."""
        owner, tracker = _owner(caller, command), await self._tracker()
        goal = await tracker.add(owner, command.description, command.goal_id or "")
        caller.reply(_report(goal), command)

    async def list(self, caller: Caller, command: GoalList) -> None:
        """List goals."""
        if command.all:
            require_privilege(caller, "list everybody's goals")
        owner = None if command.all else _owner(caller, command)
        found = await (await self._tracker()).goals(owner)
        caller.reply(GoalListing(goals=[_summary(it) for it in found]), command)

    async def show(self, caller: Caller, command: GoalShow) -> None:
        """Tell all about one goal."""
        owner, tracker = _owner(caller, command), await self._tracker()
        caller.reply(_report(await tracker.get(owner, command.goal_id)), command)

    async def note(self, caller: Caller, command: GoalNote) -> None:
        """Note something on a goal."""
        owner, tracker = _owner(caller, command), await self._tracker()
        caller.reply(_report(await tracker.note(owner, command.goal_id, command.note)), command)

    async def achieve(self, caller: Caller, command: GoalAchieve) -> None:
        """Mark a goal as achieved."""
        owner, tracker = _owner(caller, command), await self._tracker()
        goal = await tracker.achieve(owner, command.goal_id, command.note)
        caller.reply(_report(goal), command)

    async def remove(self, caller: Caller, command: GoalRemove) -> None:
        """Remove a goal and its jobs."""
        owner, tracker = _owner(caller, command), await self._tracker()
        jobs = await tracker.remove(owner, command.goal_id)
        caller.reply(GoalRemoved(goal_id=command.goal_id, jobs=jobs), command)


def _owner(caller: Caller, command: GoalCommand) -> int:
    """Return whose goals are meant; other people's do not exist for those who may not see them."""
    if command.owner is None or command.owner == caller.uid:
        return caller.uid
    if caller.privileged:
        return command.owner
    raise JobError("there is no such goal", code="goal_not_found")


def _report(goal: Goal) -> GoalReport:
    notes = [GoalNoteSummary(at=rfc3339(it.at), text=it.text) for it in goal.notes]
    return GoalReport(goal=_summary(goal), notes=notes)


def _summary(goal: Goal) -> GoalSummary:
    return GoalSummary(
        goal_id=goal.id,
        owner=goal.owner,
        description=goal.description,
        achieved=goal.achieved,
        created=rfc3339(goal.created),
        updated_at=rfc3339(goal.updated_at),
        notes=len(goal.notes),
        jobs=goal.jobs,
    )
