"""One turn: model step, tool calls, next step, until the model has nothing more to ask.

The turn knows no session: its host receives events, keeps intermediate messages, and hands over
what the user said meanwhile. Cancelling the task that runs it ends everything below it.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ruster.agent.asking import Asking
from ruster.agent.context import SYSTEM_PROMPT, fit
from ruster.agent.settings import AgentSettings
from ruster.agent.ways import Ways
from ruster.core.clock import Clock
from ruster.core.errors import ProviderError, ToolError
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Notice,
    ProcessStart,
    Progress,
    Sampling,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.ports import ChatModels, ToolRunner
from ruster.core.skills import SkillChooser
from ruster.core.tools import TurnScope
from ruster.protocol.events import (
    Event,
    NoticeEvent,
    ProgressEvent,
    Response,
    SkillUsed,
    ThoughtEvent,
    ToolCallEvent,
    UsageEvent,
)

__all__ = ["Agent", "Turn", "TurnHost", "TurnInput"]

_log = structlog.stdlib.get_logger("ruster.agent")
_PREVIEW_CHARS = 200
_RECENT_TURNS = 2  # before the present one, for the choice of skills
_LASTING = ("context_trimmed", "model_fallback", "tools_left_out")


class TurnHost(Protocol):
    """What a turn needs of the session it belongs to."""

    def emit(self, event: Event) -> None:
        """Put an event on the session's stream."""
        ...

    def record(self, message: Message) -> None:
        """Keep a message that is part of the turn but not its end."""
        ...

    def take_steering(self) -> list[Message]:
        """Hand over what the user said since the last step."""
        ...

    def finish(self) -> list[Message]:
        """Hand over what the user said since the last step; if nothing, the turn is closed."""
        ...


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What a turn starts from: ``turns`` are the conversation's turns, the one to answer last."""

    scope: TurnScope
    model: str
    turns: Sequence[Sequence[Message]]
    told: Set[str] = frozenset()
    """What lasts and was told in the turn before; see ``Turn.told``."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What all turns share."""

    models: ChatModels
    tools: ToolRunner
    settings: AgentSettings
    clock: Clock
    skills: SkillChooser | None = None
    ways: Ways = field(default_factory=Ways)

    def turn(self, given: TurnInput, host: TurnHost) -> Turn:
        """Prepare a turn; nothing happens before ``run``."""
        return Turn(self, given, host)


class Turn:
    """One turn in progress.

    ``tokens`` counts what the model has read and written, ``model`` is the one that answers (which
    may be a fallback), ``told`` holds what lasts beyond the turn and need not be told again,
    ``skills`` are the names of those that take part.
    """

    def __init__(self, agent: Agent, given: TurnInput, host: TurnHost) -> None:
        self._agent = agent
        self._given = given
        self._host = host
        self._messages: list[Message] = []
        self._parts: list[str] = []
        self._calls: list[ToolCall] = []
        self._produced_bytes = 0
        self._asking = Asking(agent.models, self._tools_refused, agent.ways)
        self.tokens = 0
        self.told: set[str] = set()
        self.skills: tuple[str, ...] = ()
        self.model = given.model

    @property
    def text(self) -> str:
        """What the model has said in its present step."""
        return "".join(self._parts)

    async def run(self) -> FinishReason:
        """Answer; raises the errors of the tree, and CancelledError when cancelled."""
        await self._assemble()
        for number in range(self._agent.settings.max_rounds):
            marker = "Refining..." if number else "Thinking..."
            self._emit(Response(session_id=self._id, delta=marker, phase="thinking"))
            reason = await self._step()
            if self._calls:
                await self._run_tools()
                self._messages.extend(self._host.take_steering())
            elif steering := self._host.finish():
                self._keep(Message(Role.ASSISTANT, self.text))
                self._messages.extend(steering)
            else:
                return reason
        raise ToolError(
            f"the model went on for {self._agent.settings.max_rounds} steps without an end; "
            "ask for less at once",
            code="too_many_rounds",
        )

    async def _assemble(self) -> None:
        settings = self._agent.settings
        window = await self._agent.models.context_size(self._given.model)
        system = settings.system_prompt or SYSTEM_PROMPT
        fitted = fit(
            "\n\n".join(part for part in (system, await self._choose_skills()) if part),
            self._given.turns,
            window or settings.default_window_tokens,
            settings.reserve_tokens,
        )
        self._messages = list(fitted.messages)
        if fitted.dropped_turns:
            self._notify(
                "context_trimmed",
                f"the {fitted.dropped_turns} oldest turns do not fit into the model's window "
                "and were left out; the history keeps them",
            )

    async def _choose_skills(self) -> str:
        """Have skills chosen for what the user said, tell of them, and return their part."""
        skills = self._agent.skills
        if skills is None:
            return ""
        *earlier, current = self._given.turns
        message = next((it.content for it in reversed(current) if it.role is Role.USER), "")
        recent = [it for turn in earlier[-_RECENT_TURNS:] for it in turn]
        choice = await skills.choose(self._given.scope, self._given.model, message, recent)
        self.skills = tuple(one.skill.name for one in choice.chosen)
        for one in choice.fresh:
            result = "Skill instructions injected."
            self._emit(SkillUsed(session_id=self._id, skill=one.skill.name, result=result))
        return choice.prompt

    async def _step(self) -> FinishReason:
        """Run the model once; afterwards ``text`` and ``_calls`` hold what it said."""
        self._parts.clear()
        self._calls.clear()
        started = self._agent.clock.monotonic()
        first_ms: int | None = None
        usage, reason = Usage(), FinishReason.STOP
        messages = tuple(self._messages)
        request = InferenceRequest(
            model=self._given.model,
            messages=messages,
            config=self._config(),
            tools=() if self._asking.left_out else await self._agent.tools.offer(messages),
            session=self._given.scope.session_key,
        )
        async with aclosing(self._asking.stream(request)) as events:
            async for event in events:
                if isinstance(event, (Notice, ProcessStart, Progress)):
                    self._tell(event)
                    continue
                if first_ms is None:
                    first_ms = self._since_ms(started)
                if isinstance(event, Usage):
                    usage = event
                    # At once: what follows may be cancelled, and was still paid for.
                    self.tokens += usage.prompt + usage.completion
                elif isinstance(event, Complete):
                    reason = event.reason
                else:
                    self._take(event)
        _log.info(
            "model_call",
            model=self.model,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            messages=len(messages),
            ms=self._since_ms(started),
            attempts=usage.attempts,
            reason=reason.value,
        )
        self._emit(
            UsageEvent(
                session_id=self._id,
                model=self.model,
                prompt_tokens=usage.prompt,
                completion_tokens=usage.completion,
                cached_tokens=usage.cached,
                first_token_ms=first_ms,
                total_ms=self._since_ms(started),
                attempts=usage.attempts,
            )
        )
        return reason

    def _tools_refused(self) -> None:
        """Tell that the rest of the turn does without tools."""
        self._notify(
            "tools_left_out",
            f"{self.model} cannot use tools and answers without them; choose another model for "
            "what needs tools",
        )

    def _tell(self, event: Notice | ProcessStart | Progress) -> None:
        """Pass on what happens beside the answer."""
        if isinstance(event, ProcessStart):
            self.model = event.model or self.model
        elif isinstance(event, Notice):
            self._notify(event.code, event.message)
        else:
            self._emit(
                ProgressEvent(
                    session_id=self._id,
                    what=event.what,
                    current=event.current,
                    total=event.total,
                )
            )

    def _take(self, event: InferenceEvent) -> None:
        """Pass one event of the model on to the session."""
        if isinstance(event, Content):
            self._parts.append(event.text)
            self._count(event.text)
            self._emit(Response(session_id=self._id, delta=event.text))
        elif isinstance(event, Thought):
            self._count(event.text)
            if self._agent.settings.show_thinking:
                delta = event.text if event.phase is ThoughtPhase.DELTA else None
                self._emit(ThoughtEvent(session_id=self._id, phase=event.phase.value, delta=delta))
        elif isinstance(event, ToolCallRequest):
            self._calls.append(event.call)

    def _count(self, text: str) -> None:
        self._produced_bytes += len(text.encode(errors="replace"))
        if self._produced_bytes > self._agent.settings.max_answer_bytes:
            raise ProviderError(
                f"the answer grew beyond {self._agent.settings.max_answer_bytes} bytes and was "
                "ended; what was said is kept",
                code="answer_too_large",
            )

    async def _run_tools(self) -> None:
        self._keep(Message(Role.ASSISTANT, self.text, tool_calls=tuple(self._calls)))
        self._parts.clear()
        for call in self._calls:
            try:
                result = await self._agent.tools.run(call)
            except ToolError as error:
                result = f"error: {error.message}"
            _log.info("tool_call", tool=call.name, call_id=call.id, result_bytes=len(result))
            self._keep(Message(Role.TOOL, result, tool_call_id=call.id, name=call.name))
            self._emit(
                ToolCallEvent(
                    session_id=self._id,
                    tool=call.name,
                    arguments=call.arguments,
                    call_id=call.id,
                    result_preview=result[:_PREVIEW_CHARS],
                )
            )

    def _keep(self, message: Message) -> None:
        self._messages.append(message)
        self._host.record(message)

    def _config(self) -> InferenceConfig:
        own = self._agent.settings
        return InferenceConfig(
            Behaviour(max_tokens=own.max_tokens, show_thinking=own.show_thinking),
            Sampling(
                temperature=own.temperature,
                top_p=own.top_p,
                top_k=own.top_k,
                min_p=own.min_p,
                repetition_penalty=own.repetition_penalty,
                seed=own.seed,
            ),
        )

    @property
    def _id(self) -> str:
        return self._given.scope.session_id

    def _emit(self, event: Event) -> None:
        self._host.emit(event)

    def _notify(self, code: str, message: str) -> None:
        """Tell something; what lasts, only when the turn before did not tell it."""
        if code in _LASTING:
            lasting = code if code == "context_trimmed" else message
            self.told.add(lasting)
            if lasting in self._given.told:
                return
        self._emit(NoticeEvent(session_id=self._id, code=code, message=message))

    def _since_ms(self, started: float) -> int:
        return round((self._agent.clock.monotonic() - started) * 1000)
