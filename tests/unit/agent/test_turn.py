"""A turn against a scripted model: what it does without tools, and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from ruster.agent.settings import AgentSettings
from ruster.agent.turn import Agent, Turn, TurnInput
from ruster.core.errors import ProviderError
from ruster.core.inference import Content, ToolCallRequest, Usage
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.core.tasks import spawn
from ruster.core.tools import Outcome, TurnScope
from ruster.llm.retries import Retries
from ruster.llm.router import Models
from ruster.protocol.events import Event, NoticeEvent
from ruster.testing import ManualClock, ScriptedProvider
from ruster.testing.scripted import Step

CLOCK = ToolSpec("clock", "Tell the time.", {"type": "object", "properties": {}})
SCOPE = TurnScope("s", "0/s", "t-1", 0, privileged=True, folder=Path("s"))
NO_TOOLS = ProviderError("it does not support tools", code="tools_unsupported")
NO_FORM = ProviderError("it keeps to no schema", code="schema_unsupported")


class Tools:
    """One tool that says the same each time."""

    def __init__(self) -> None:
        self.offered = 0

    async def offer(self, scope: TurnScope, messages: Sequence[Message]) -> tuple[ToolSpec, ...]:
        self.offered += 1
        return (CLOCK,)

    async def run(self, scope: TurnScope, call: ToolCall, said: str = "") -> Outcome:
        return Outcome("noon")

    async def changes(self, scope: TurnScope, call: ToolCall) -> bool:
        return False


class Host:
    """Keeps what a turn tells."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.steering: list[list[Message]] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def record(self, message: Message) -> None:
        return

    def record_summary(self, turns: int, notes: str, origins: tuple[str, ...]) -> None:
        return

    def take_steering(self) -> list[Message]:
        return []

    def finish(self) -> list[Message]:
        return self.steering.pop() if self.steering else []

    @property
    def notices(self) -> list[str]:
        return [event.code for event in self.events if isinstance(event, NoticeEvent)]


GIVEN = TurnInput(SCOPE, "scripted/any", [[Message(Role.USER, "What time is it?")]])


def agent_of(*scripts: Sequence[Step]) -> tuple[Agent, ScriptedProvider]:
    provider, clock = ScriptedProvider(*scripts), ManualClock()
    models = Models({"scripted": lambda: provider}, retries=Retries(clock=clock))
    return Agent(models, Tools(), AgentSettings(), clock), provider


def prepare(*scripts: Sequence[Step]) -> tuple[Turn, Host, ScriptedProvider]:
    agent, provider = agent_of(*scripts)
    host = Host()
    return agent.turn(GIVEN, host), host, provider


async def test_a_model_without_tools_calls_them_in_json() -> None:
    call = '{"tool": "clock", "arguments": {}}'
    turn, host, provider = prepare((NO_TOOLS,), (Content(call),), (Content('{"answer": "Noon."}'),))
    await turn.run()

    assert (turn.text, host.notices) == ("Noon.", [])
    assert [len(request.tools) for request in provider.requests] == [1, 0, 0]
    _, question, called, result = provider.requests[-1].messages
    assert (question.content, called.content) == ("What time is it?", call)
    assert (result.role, "noon" in result.content) == (Role.USER, True)


async def test_its_way_is_known_in_the_next_turn() -> None:
    agent, provider = agent_of((NO_TOOLS,), (Content('{"answer": "Noon."}'),))
    host = Host()
    await agent.turn(GIVEN, host).run()
    again = agent.turn(GIVEN, host)
    await again.run()

    assert again.text == "Noon."
    assert [len(request.tools) for request in provider.requests] == [1, 0, 0]


async def test_a_model_without_tools_is_asked_again_without_them() -> None:
    turn, host, provider = prepare((NO_TOOLS,), (NO_FORM,), (Content("No idea."),))
    await turn.run()

    assert turn.text == "No idea."
    assert host.notices == ["tools_left_out"]
    assert [request.tools for request in provider.requests] == [(CLOCK,), (), ()]
    assert provider.requests[-1].config.behaviour.json_schema is None


async def test_it_is_told_once_a_turn_and_not_offered_again() -> None:
    scripts = (NO_TOOLS,), (NO_FORM,), (Content("one"),), (Content("two"),)
    agent, provider = agent_of(*scripts)
    host = Host()
    turn = agent.turn(GIVEN, host)
    host.steering = [[Message(Role.USER, "and now?")]]
    await turn.run()

    assert turn.text == "two"
    assert host.notices == ["tools_left_out"]
    assert [len(request.tools) for request in provider.requests] == [1, 0, 0, 0]
    assert cast(Tools, agent.tools).offered == 1


async def test_a_refusal_without_tools_is_an_error() -> None:
    turn, _, provider = prepare((NO_TOOLS,))
    with pytest.raises(ProviderError) as raised:
        await turn.run()

    assert raised.value is NO_TOOLS
    assert len(provider.requests) == 3


async def test_nothing_is_asked_again_once_a_word_was_shown() -> None:
    turn, host, provider = prepare((Content("Well"), NO_TOOLS), (Content("again"),))
    with pytest.raises(ProviderError):
        await turn.run()

    assert (turn.text, host.notices, len(provider.requests)) == ("Well", [], 1)


async def test_models_with_tools_are_not_asked_twice() -> None:
    call = ToolCallRequest(ToolCall("c", "clock", {}))
    turn, host, provider = prepare((call,), (Content("Noon."),))
    await turn.run()

    assert (turn.text, host.notices) == ("Noon.", [])
    assert [len(request.tools) for request in provider.requests] == [1, 1]


async def test_tokens_of_a_cancelled_turn_count_once_they_are_told() -> None:
    turn, _, _ = prepare((Content("a"), Usage(7, 3), 60.0))
    running = spawn(turn.run(), name="turn")
    async with asyncio.timeout(5):
        while not turn.tokens:
            await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert turn.tokens == 10


async def test_tokens_of_all_steps_count_once() -> None:
    call = ToolCallRequest(ToolCall("c", "clock", {}))
    turn, _, _ = prepare((call, Usage(7, 3)), (Content("Noon."), Usage(20, 1)))
    await turn.run()

    assert turn.tokens == 31
