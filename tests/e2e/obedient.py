"""A model that does whatever any text tells it: the worst that injected instructions can reach.

What it is told are marks: ``PLAN[name]`` in a person's message, ``INJECTED[name]`` anywhere. The
names stand for lists of calls that a test has written down beforehand, so that a mark is short and
survives paging, JSON and diffs.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    ToolCallRequest,
)
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.ports import ModelInfo

__all__ = ["ORDER", "Call", "ObedientModel", "Plan", "order", "plan"]

ORDER = re.compile(r"injected[\[-]([a-z0-9-]+)[\].]", re.IGNORECASE)
_PLAN = re.compile(r"PLAN\[([a-z0-9-]+)\]")
_NOTES = "You write the notes"
_WINDOW = 6000


@dataclass(frozen=True)
class Call:
    """A tool call to make. ``{result}`` in an argument is what the call before it brought."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """What a person asks for: ``calls`` in order, and whether foreign orders are followed too.

    ``wait`` keeps the model from answering until it is set.
    """

    calls: Sequence[Call] = ()
    obeys: bool = True
    wait: asyncio.Event | None = None
    made: list[tuple[Call, str]] = field(default_factory=list)
    """The calls that were made, with their ids."""


def order(name: str) -> str:
    """Write the mark of an order."""
    return f"INJECTED[{name}]"


def plan(name: str) -> str:
    """Write the mark of a plan."""
    return f"PLAN[{name}]"


class ObedientModel:
    """Implements ``core.ports.Provider``.

    As ``sums`` and ``trims`` its window is small: the first sums up what outgrows it and carries
    every order over, the other does not sum up, so that old turns are left out.
    """

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.orders: dict[str, Sequence[Call]] = {}
        self.results: dict[str, dict[str, str]] = defaultdict(dict)
        """By session and id of the call, what each tool told."""
        self.shown: dict[str, set[str]] = defaultdict(set)
        """By session, all that was shown."""

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        yield ProcessStart()
        if request.messages[0].content.startswith(_NOTES):
            told = " ".join(order(name) for name in _named(ORDER, request.messages))
            if request.model == "sums":
                yield Content(f"Notes: {told}")
            yield Complete()
            return
        session = (request.session or "").partition("/")[2]
        self._note(session, request.messages)
        plans = _named(_PLAN, [it for it in request.messages if it.role is Role.USER])
        doing = self.plans[plans[-1]] if plans else Plan()
        if doing.wait is not None:
            await doing.wait.wait()
        call = self._next(session, doing, request.messages)
        if call is None:
            told = "\n".join(self.results[session].get(it, "") for _, it in doing.made)
            yield Content(f"It says: {told[-6000:]}")
            yield Complete()
        else:
            yield ToolCallRequest(call)
            yield Complete(FinishReason.TOOL_CALLS)

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("obedient/any")]

    async def context_size(self, model: str) -> int | None:
        return _WINDOW if model in ("sums", "trims") else 100_000

    async def aclose(self) -> None:
        return

    def _note(self, session: str, messages: Iterable[Message]) -> None:
        for message in messages:
            self.shown[session].add(message.content)
            if message.tool_call_id is not None:
                self.results[session][message.tool_call_id] = message.content

    def _next(self, session: str, doing: Plan, messages: Sequence[Message]) -> ToolCall | None:
        wanted = list(doing.calls)
        if doing.obeys:
            foreign = [it for it in messages if it.role is not Role.SYSTEM]
            for name in _named(ORDER, foreign):
                wanted += self.orders.get(name, ())
        made = [call for call, _ in doing.made]
        call = next((it for it in wanted if it not in made), None)
        if call is None:
            return None
        last = self.results[session].get(doing.made[-1][1], "") if doing.made else ""
        arguments = {
            name: value.replace("{result}", quote(last[:300])) if isinstance(value, str) else value
            for name, value in call.arguments.items()
        }
        made_as = ToolCall(new_id("call"), call.tool, arguments)
        doing.made.append((call, made_as.id))
        return made_as


def _named(pattern: re.Pattern[str], messages: Iterable[Message]) -> list[str]:
    found = (it for message in messages for it in pattern.findall(message.content))
    return list(dict.fromkeys(it.lower() for it in found))
