"""One step of a model: what it is asked with, what it says, what it takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from ruster.agent.account import Account
from ruster.agent.asking import Asking
from ruster.agent.budget import TurnBudget
from ruster.agent.context import estimate_tokens
from ruster.agent.conversation import Conversation
from ruster.agent.settings import AgentSettings
from ruster.agent.telling import Telling
from ruster.agent.wanted import argument_bytes, wanted
from ruster.agent.ways import Ways
from ruster.core.clock import Clock
from ruster.core.inference import (
    Behaviour,
    Complete,
    FinishReason,
    InferenceConfig,
    InferenceRequest,
    Notice,
    ProcessStart,
    Progress,
    Sampling,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall, ToolSpec
from ruster.core.ports import ChatModels
from ruster.core.tools import Toolbox, TurnScope

__all__ = ["Step", "StepParts"]

_log = structlog.stdlib.get_logger("ruster.agent")
_BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True)
class StepParts:
    """What all steps of a turn share."""

    models: ChatModels
    tools: Toolbox
    settings: AgentSettings
    clock: Clock
    budget: TurnBudget
    ways: Ways


class Step:
    """Runs the steps of one turn, one after the other."""

    def __init__(
        self, parts: StepParts, scope: TurnScope, model: str, telling: Telling, account: Account
    ) -> None:
        self._parts = parts
        self._scope = scope
        self._model = model
        self._telling = telling
        self._account = account
        self._asking = Asking(parts.models, self._tools_refused, parts.ways, self._images_refused)

    async def run(self, conversation: Conversation) -> tuple[FinishReason, Sequence[ToolCall]]:
        """Ask the model once; return why it stopped and the calls it wants.

        Raises ProviderError, also (``budget_exhausted``) before anything is asked.
        """
        request = await self._request(conversation)
        needed = estimate_tokens(request.messages) + self._parts.settings.reserve_tokens
        self._parts.budget.check(needed)
        return await self._ask(request)

    async def _request(self, conversation: Conversation) -> InferenceRequest:
        own = self._parts.settings
        tools: tuple[ToolSpec, ...] = ()
        if not self._asking.left_out:
            tools = await self._parts.tools.offer(self._scope, conversation.plain())
        tool_bytes = _size(tools)
        fitted = conversation.fitted(int(tool_bytes / _BYTES_PER_TOKEN))
        self._account.note_prompt(conversation.sizes(), tools, tool_bytes)
        return InferenceRequest(
            model=self._model,
            messages=fitted.messages,
            config=InferenceConfig(
                Behaviour(max_tokens=own.max_tokens, show_thinking=own.show_thinking),
                Sampling(
                    temperature=own.temperature,
                    top_p=own.top_p,
                    top_k=own.top_k,
                    min_p=own.min_p,
                    repetition_penalty=own.repetition_penalty,
                    seed=own.seed,
                ),
            ),
            tools=tools,
            session=self._scope.session_key,
        )

    async def _ask(self, request: InferenceRequest) -> tuple[FinishReason, Sequence[ToolCall]]:
        clock, telling = self._parts.clock, self._telling
        began = clock.monotonic()
        first_ms: int | None = None
        usage, reason = Usage(), FinishReason.STOP
        calls: list[ToolCall] = []
        async with aclosing(self._asking.stream(request)) as events:
            async for event in events:
                if isinstance(event, Notice | ProcessStart | Progress):
                    telling.hear(event, show_thinking=False)
                    continue
                if first_ms is None:
                    first_ms = self._since_ms(began)
                if isinstance(event, Usage):
                    usage = event
                    # At once: what follows may be cancelled, and was still paid for.
                    self._parts.budget.spend(usage.prompt + usage.completion)
                elif isinstance(event, Complete):
                    reason = event.reason
                elif isinstance(event, ToolCallRequest):
                    telling.count(argument_bytes(event.call))
                    calls.append(wanted(event.call, [call.id for call in calls]))
                else:
                    show = self._parts.settings.show_thinking
                    telling.hear(event, show_thinking=show)
        self._tell(request, usage, first_ms, self._since_ms(began), reason)
        return reason, calls

    def _tell(
        self,
        request: InferenceRequest,
        usage: Usage,
        first_ms: int | None,
        total_ms: int,
        reason: FinishReason,
    ) -> None:
        _log.info(
            "model_call",
            model=self._telling.model,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            messages=len(request.messages),
            tools=len(request.tools),
            ms=total_ms,
            attempts=usage.attempts,
            reason=reason.value,
        )
        self._account.note_step(usage)
        self._telling.usage(usage, first_ms, total_ms)

    def _tools_refused(self) -> None:
        """Tell that the rest of the turn does without tools."""
        self._telling.notify(
            "tools_left_out",
            f"{self._telling.model} cannot use tools and answers without them; choose another "
            "model for what needs tools",
        )

    def _images_refused(self) -> None:
        """Tell that the rest of the turn does without pictures."""
        self._telling.notify(
            "images_left_out",
            f"{self._telling.model} cannot look at pictures and answers without them; choose "
            "another model for what needs them",
        )

    def _since_ms(self, began: float) -> int:
        return round((self._parts.clock.monotonic() - began) * 1000)


def _size(tools: Sequence[ToolSpec]) -> int:
    texts = (json.dumps([it.name, it.description, it.parameters]) for it in tools)
    return sum(map(len, texts))
