"""One turn: model step, tool calls, next step, until the model has nothing more to ask.

The turn knows no session: its host receives events, keeps intermediate messages, and hands over
what the user said meanwhile. Cancelling the task that runs it ends everything below it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from ruster.agent.account import Account
from ruster.agent.budget import TurnBudget
from ruster.agent.calls import Calls
from ruster.agent.compaction import Summing, summary_message
from ruster.agent.context import SYSTEM_PROMPT
from ruster.agent.conversation import Conversation, Opening
from ruster.agent.settings import AgentSettings
from ruster.agent.step import Step, StepParts
from ruster.agent.telling import Telling
from ruster.agent.ways import Ways
from ruster.core.clock import Clock
from ruster.core.errors import ProviderError, ToolError
from ruster.core.inference import FinishReason
from ruster.core.memory import TurnMemory
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.ports import ChatModels
from ruster.core.skills import SkillChooser
from ruster.core.tools import Toolbox, ToolCommands, TurnScope
from ruster.protocol.events import Event
from ruster.trust.taint import marked

__all__ = ["Agent", "Turn", "TurnHost", "TurnInput"]

_log = structlog.stdlib.get_logger("ruster.agent")
_RECENT_TURNS = 2  # before the present one, for the choice of skills
_MAX_WRITTEN_CALLS = 2
_COMPACT_SHARE = 2  # after summing up, the turns that stay take one part in so many of the window


class TurnHost(Protocol):
    """What a turn needs of the session it belongs to."""

    def emit(self, event: Event) -> None:
        """Put an event on the session's stream."""
        ...

    def record(self, message: Message) -> None:
        """Keep a message that is part of the turn but not its end."""
        ...

    def record_summary(self, turns: int, notes: str, origins: tuple[str, ...]) -> None:
        """Keep notes that stand in the place of the ``turns`` oldest turns from now on."""
        ...

    def take_steering(self) -> list[Message]:
        """Hand over what the user said since the last step."""
        ...

    def finish(self) -> list[Message]:
        """Hand over what the user said since the last step; if nothing, the turn is closed."""
        ...


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What a turn starts from: ``turns`` are the conversation's turns, the one to answer last.

    ``notes`` stand for the turns before them and may hold words of ``notes_origins``; ``told`` is
    what lasts and was told in the turn before. ``max_tokens`` bounds this turn beside the settings;
    0 does not.
    """

    scope: TurnScope
    model: str
    turns: Sequence[Sequence[Message]]
    notes: str = ""
    notes_origins: tuple[str, ...] = ()
    told: Set[str] = frozenset()
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """What all turns share."""

    models: ChatModels
    tools: Toolbox
    settings: AgentSettings
    clock: Clock
    skills: SkillChooser | None = None
    commands: ToolCommands | None = None
    memory: TurnMemory | None = None
    ways: Ways = field(default_factory=Ways)

    def turn(self, given: TurnInput, host: TurnHost) -> Turn:
        """Prepare a turn; nothing happens before ``run``."""
        return Turn(self, given, host)


class Turn:
    """One turn in progress; ``skills`` are the names of those that take part."""

    def __init__(self, agent: Agent, given: TurnInput, host: TurnHost) -> None:
        own = agent.settings
        self._agent = agent
        self._given = given
        self._host = host
        self._began = agent.clock.monotonic()
        self._budget = TurnBudget(_stricter(own.turn_tokens, given.max_tokens))
        self._account = Account()
        self._written_calls = 0
        self.skills: tuple[str, ...] = ()
        self.telling = Telling(
            given.scope.session_id, host.emit, given.model, given.told, own.max_answer_bytes
        )
        self._calls = Calls(
            agent.tools, given.scope, self.telling, self._account, agent.clock, own.max_repeats
        )
        self._step = Step(
            StepParts(agent.models, agent.tools, own, agent.clock, self._budget, agent.ways),
            given.scope,
            given.model,
            self.telling,
            self._account,
        )

    @property
    def text(self) -> str:
        """What the model has said in its present step."""
        return self.telling.text

    @property
    def model(self) -> str:
        """The model that answers, which may be a fallback."""
        return self.telling.model

    @property
    def told(self) -> Set[str]:
        """What lasts beyond the turn and need not be told again."""
        return self.telling.told

    @property
    def tokens(self) -> int:
        """What the models have read and written so far."""
        return self._budget.spent

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose words the answer may hold beside the user's own."""
        return marked(Message(Role.ASSISTANT, ""), self._given.scope.taint).origins

    def account(self) -> dict[str, Any]:
        """Return how the answer came about so far, as strict JSON."""
        self._account.total_ms = round((self._agent.clock.monotonic() - self._began) * 1000)
        return self._account.to_record()

    async def run(self) -> FinishReason:
        """Answer; raises the errors of the tree, and CancelledError when cancelled."""
        if await self._answer_command():
            return FinishReason.STOP
        conversation = await self._assemble()
        for number in range(self._agent.settings.max_rounds):
            self.telling.begin_step(number)
            reason, calls = await self._step.run(conversation)
            calls = calls or await self._written_call()
            if calls:
                await self._run_tools(conversation, calls)
                self._add(conversation, self._host.take_steering())
            elif steering := self._host.finish():
                if self.text:
                    self._keep(conversation, Message(Role.ASSISTANT, self.text))
                self._add(conversation, steering)
            else:
                return reason
        raise ToolError(
            f"the model went on for {self._agent.settings.max_rounds} steps without an end; "
            "ask for less at once",
            code="too_many_rounds",
        )

    # Before the first step

    async def _answer_command(self) -> bool:
        """Answer a message that calls a tool by itself, without any model."""
        commands, said = self._agent.commands, _said_last(self._given.turns[-1])
        if commands is None or (found := await commands.answer(self._given.scope, said)) is None:
            return False
        if found.call is not None and found.outcome is not None:
            took_s = self._agent.clock.monotonic() - self._began
            self._account.note_call(found.call, found.outcome, round(took_s * 1000))
        self.telling.say(found.text)
        return True

    async def _assemble(self) -> Conversation:
        """Put the conversation together; what outgrows the window is summed up or left out."""
        own, given = self._agent.settings, self._given
        window = await self._agent.models.context_size(given.model) or own.default_window_tokens
        notes = summary_message(given.notes, given.notes_origins) if given.notes else None
        opening = Opening(
            own.system_prompt or SYSTEM_PROMPT, given.turns, notes, await self._context()
        )
        conversation = Conversation(opening, window, own.reserve_tokens)
        fitted = conversation.fitted()
        if fitted.dropped_turns and own.compact:
            conversation = await self._compact(conversation)
            fitted = conversation.fitted()
        if fitted.dropped_turns:
            self.telling.notify(
                "context_trimmed",
                f"the {fitted.dropped_turns} oldest turns do not fit into the model's window "
                "and were left out; the history keeps them",
            )
        self._account.left_out_turns = fitted.dropped_turns
        for message in fitted.messages:
            given.scope.taint.origins.update(message.origins)
        return conversation

    async def _compact(self, conversation: Conversation) -> Conversation:
        """Have the oldest turns summed up; on failure the conversation stays as it is."""
        opening, window = conversation.opening, conversation.window
        smaller = Conversation(opening, window // _COMPACT_SHARE, conversation.reserve // 2)
        try:
            count = smaller.fitted().dropped_turns
            summing = Summing(self._agent.models, self._given.model, window)
            self._budget.check(window)
            try:
                notes = await summing.write(self._given.notes, opening.turns[:count])
            finally:
                self._budget.spend(summing.usage.prompt + summing.usage.completion)
        except ProviderError as error:
            _log.warning("not_summed_up", session=self._given.scope.session_id, why=error.message)
            return conversation
        said = [message for turn in opening.turns[:count] for message in turn]
        origins = {*self._given.notes_origins, *(it for m in said for it in m.origins)}
        message = marked(summary_message(notes, tuple(sorted(origins))), self._given.scope.taint)
        self._host.record_summary(count, notes, message.origins)
        self.telling.notify(
            "context_compacted",
            f"the {count} oldest turns no longer fit into the model's window; it goes on with a "
            "summary of them, and the history keeps them",
        )
        opening = Opening(opening.system, opening.turns[count:], message, opening.context)
        return Conversation(opening, window, conversation.reserve)

    async def _context(self) -> str:
        """Return what stands with the message of this turn: memories, then skills."""
        async with asyncio.TaskGroup() as looking:
            memories = looking.create_task(self._remember())
            skills = looking.create_task(self._choose_skills())
        return "\n\n".join(part for part in (memories.result(), skills.result()) if part)

    async def _remember(self) -> str:
        """Have the memory find what fits the message, and return its part."""
        memory, given = self._agent.memory, self._given
        if memory is None:
            return ""
        visible = {message.content for turn in given.turns for message in turn}
        brought = await memory.bring(given.scope, _said_last(given.turns[-1]), visible)
        given.scope.taint.origins.update(brought.origins)
        self._account.note_memories(brought)
        return brought.prompt

    async def _choose_skills(self) -> str:
        """Have skills chosen for what the user said, tell of them, and return their part."""
        skills = self._agent.skills
        if skills is None:
            return ""
        *earlier, current = self._given.turns
        recent = [it for turn in earlier[-_RECENT_TURNS:] for it in turn]
        choice = await skills.choose(
            self._given.scope, self._given.model, _said_last(current), recent
        )
        self.skills = tuple(one.skill.name for one in choice.chosen)
        self._account.note_skills(choice)
        for one in choice.fresh:
            self.telling.skill(one.skill.name)
        return choice.prompt

    def remember(self, messages: Sequence[Message]) -> None:
        """Hand over to the memory what was said in the turn, once it has ended."""
        if self._agent.memory is not None:
            said = [it for it in messages if not it.in_background]
            self._agent.memory.keep(self._given.scope, self.model, said)

    # Between steps

    async def _written_call(self) -> Sequence[ToolCall]:
        """Return the call that the model wrote as its whole answer, a few times a turn."""
        if self._agent.commands is None or self._written_calls >= _MAX_WRITTEN_CALLS:
            return ()
        call = await self._agent.commands.call(self._given.scope, self.text)
        if call is None:
            return ()
        self._written_calls += 1
        return (call,)

    async def _run_tools(self, conversation: Conversation, calls: Sequence[ToolCall]) -> None:
        said = self.text
        asked = Message(Role.ASSISTANT, said, tool_calls=tuple(calls))
        self._keep(conversation, asked)
        self.telling.clear()
        await self._calls.run(calls, said, lambda message: self._keep(conversation, message))

    def _keep(self, conversation: Conversation, message: Message) -> None:
        message = marked(message, self._given.scope.taint)
        conversation.said.append(message)
        self._host.record(message)

    def _add(self, conversation: Conversation, said: Sequence[Message]) -> None:
        conversation.said.extend(said)
        for message in said:
            self._given.scope.taint.origins.update(message.origins)


def _said_last(turn: Sequence[Message]) -> str:
    return next((it.content for it in reversed(turn) if it.role is Role.USER), "")


def _stricter(one: int, other: int) -> int:
    """Return the lower of two limits, of which 0 is none."""
    return min(one, other) if one and other else one or other
