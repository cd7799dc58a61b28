"""The tool calls of one step: run in order, side by side where none of them changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ruster.agent.account import Account
from ruster.agent.repetition import Repetition
from ruster.agent.telling import Telling
from ruster.core.clock import Clock
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.tools import Outcome, Toolbox, TurnScope

__all__ = ["Calls"]

_MAX_CALLS = 32
"""Calls of one step that are run."""


class Calls:
    """Runs the calls of a turn; ``keep`` takes each result, in the order of the calls."""

    def __init__(
        self,
        tools: Toolbox,
        scope: TurnScope,
        telling: Telling,
        account: Account,
        clock: Clock,
        max_repeats: int,
    ) -> None:
        self._tools = tools
        self._scope = scope
        self._telling = telling
        self._account = account
        self._clock = clock
        self._repetition = Repetition(max_repeats)

    async def run(
        self, calls: Sequence[ToolCall], said: str, keep: Callable[[Message], None]
    ) -> None:
        """Run all calls of one step; raises ToolError when the model goes in circles.

        What a call brings counts for those of later steps only: their arguments were chosen before
        it was known.
        """
        for group in await self._groups(calls[:_MAX_CALLS]):
            async with asyncio.TaskGroup() as running:
                tasks = [running.create_task(self._run_one(call, said)) for call in group]
            for call, task in zip(group, tasks, strict=True):
                outcome, took_ms = task.result()
                self._account.note_call(call, outcome, took_ms)
                self._finish(call, outcome, keep)
        for call in calls[_MAX_CALLS:]:
            text = (
                f"at most {_MAX_CALLS} calls are run in one step; make the others in the next one"
            )
            self._finish(call, Outcome(text, failed=True), keep)
        self._repetition.check()

    async def _groups(self, calls: Sequence[ToolCall]) -> list[list[ToolCall]]:
        """Put calls that change nothing together, every other one alone."""
        groups: list[list[ToolCall]] = []
        joining = False
        for call in calls:
            changes = await self._tools.changes(self._scope, call)
            if joining and not changes:
                groups[-1].append(call)
            else:
                groups.append([call])
            joining = not changes
        return groups

    async def _run_one(self, call: ToolCall, said: str) -> tuple[Outcome, int]:
        """Run a call; return what came of it and how long it took, in milliseconds."""
        self._telling.call_begins(call)
        began = self._clock.monotonic()
        outcome = await self._tools.run(self._scope, call, said)
        return outcome, round((self._clock.monotonic() - began) * 1000)

    def _finish(self, call: ToolCall, outcome: Outcome, keep: Callable[[Message], None]) -> None:
        warning = self._repetition.note(call, outcome)
        text = outcome.told + warning
        keep(Message(Role.TOOL, text, tool_call_id=call.id, name=call.name))
        self._telling.call_ended(call, outcome)
