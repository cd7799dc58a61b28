"""Asking for a step: which way is tried after which, what is told, and what is remembered."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence

import pytest

from ruster.agent.asking import Asking
from ruster.agent.call_schema import call_schema
from ruster.agent.ways import Way, Ways
from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Notice,
    Sampling,
    ToolCallRequest,
)
from ruster.core.messages import Image, Message, Role
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.retries import Retries
from ruster.llm.router import Models
from ruster.llm.settings import LlmSettings
from ruster.testing import ManualClock, ScriptedProvider
from ruster.testing.scripted import Step
from tests.fakes.ollama_answers import Answer
from tests.fakes.ollama_server import FakeOllama
from tests.unit.agent.conversations import CLOCK, LIGHT

NO_TOOLS = ProviderError("it does not support tools", code="tools_unsupported")
REQUEST = InferenceRequest(
    "scripted/any", (Message(Role.USER, "What time is it?"),), tools=(CLOCK, LIGHT)
)
SAYS = (Content('{"answer": "No'), Content('on."}'))
CALLS = (Content('{"tool": "clock", "arguments": {}}'),)


class Case:
    """A scripted model and what asking it told."""

    def __init__(self, *scripts: Sequence[Step], ways: Ways | None = None) -> None:
        self.provider = ScriptedProvider(*scripts)
        self.models = Models(
            {"scripted": lambda: self.provider}, retries=Retries(clock=ManualClock())
        )
        self.told = 0
        self.blind = 0
        self.asking = Asking(self.models, self._without_tools, ways, self._without_images)

    def _without_tools(self) -> None:
        self.told += 1

    def _without_images(self) -> None:
        self.blind += 1

    async def step(self, request: InferenceRequest = REQUEST) -> list[InferenceEvent]:
        return [event async for event in self.asking.stream(request)]

    @property
    def asked(self) -> list[str]:
        """What the model was asked for, each time."""
        return [_kind(request) for request in self.provider.requests]


def _kind(request: InferenceRequest) -> str:
    if request.tools:
        return "native"
    return "none" if request.config.behaviour.json_schema is None else "json"


def text_of(events: Sequence[InferenceEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Content))


def calls_of(events: Sequence[InferenceEvent]) -> list[str]:
    return [event.call.name for event in events if isinstance(event, ToolCallRequest)]


async def test_a_model_with_tools_is_asked_once() -> None:
    case = Case((Content('{"answer": "x"}'),))

    assert text_of(await case.step()) == '{"answer": "x"}'
    assert (case.asked, case.told) == (["native"], 0)
    assert case.provider.requests[0] == dataclasses.replace(REQUEST, model="any")


async def test_a_model_without_them_answers_in_json() -> None:
    case = Case((NO_TOOLS,), SAYS)

    assert text_of(await case.step()) == "Noon."
    assert (case.asked, case.told, case.asking.left_out) == (["native", "json"], 0, False)


async def test_it_calls_tools_and_is_asked_in_json_again() -> None:
    case = Case((NO_TOOLS,), CALLS, SAYS)
    events = await case.step()

    assert calls_of(events) == ["clock"]
    assert events[-1] == Complete(FinishReason.TOOL_CALLS)
    assert text_of(await case.step()) == "Noon."
    assert case.asked == ["native", "json", "json"]


@pytest.mark.parametrize(
    "code", ["schema_unsupported", "grammar_invalid", "tools_unsupported", "provider_rejected"]
)
async def test_where_no_form_is_kept_it_answers_without_tools(code: str) -> None:
    case = Case((NO_TOOLS,), (ProviderError("no", code=code),), (Content("No idea."),))

    assert text_of(await case.step()) == "No idea."
    assert (case.asked, case.told, case.asking.left_out) == (["native", "json", "none"], 1, True)
    assert text_of(await case.step()) == "No idea."
    assert (case.asked[3:], case.told) == (["none"], 1)
    assert case.provider.requests[-1].messages == REQUEST.messages


@pytest.mark.parametrize("code", ["context_overflow", "provider_failed", "provider_blocked"])
async def test_other_failures_are_not_about_the_form(code: str) -> None:
    failure = ProviderError("no", code=code)
    case = Case((NO_TOOLS,), (failure,))
    with pytest.raises(ProviderError) as raised:
        await case.step()

    assert raised.value is failure
    assert (case.asked, case.told) == (["native", "json"], 0)


@pytest.mark.parametrize(
    "scripts", [[(Content("a"), NO_TOOLS)], [(NO_TOOLS,), (Content("a"), NO_TOOLS)]]
)
async def test_nothing_is_asked_again_once_a_word_was_shown(scripts: list[Sequence[Step]]) -> None:
    case = Case(*scripts, SAYS)
    with pytest.raises(ProviderError):
        await case.step()

    assert len(case.asked) == len(scripts)


async def test_without_tools_nothing_changes() -> None:
    case = Case((NO_TOOLS,))
    with pytest.raises(ProviderError):
        await case.step(dataclasses.replace(REQUEST, tools=()))

    assert (case.asked, case.told) == (["none"], 0)


@pytest.mark.parametrize(
    "config",
    [
        InferenceConfig(Behaviour(json_schema={"type": "string"})),
        InferenceConfig(sampling=Sampling(grammar='root ::= "x"')),
    ],
)
async def test_a_form_that_was_asked_for_is_kept(config: InferenceConfig) -> None:
    case = Case((NO_TOOLS,), (Content('"x"'),))

    assert text_of(await case.step(dataclasses.replace(REQUEST, config=config))) == '"x"'
    assert case.provider.requests[-1].config == config
    assert case.told == 1


# From turn to turn


async def test_the_way_of_a_model_is_remembered() -> None:
    ways = Ways(ManualClock())
    await Case((NO_TOOLS,), SAYS, ways=ways).step()
    later = Case(SAYS, ways=ways)

    assert text_of(await later.step()) == "Noon."
    assert later.asked == ["json"]


async def test_tools_left_out_are_told_in_each_turn() -> None:
    ways = Ways(ManualClock())
    ways.found(REQUEST.model, Way.NONE)
    case = Case((Content("No idea."),), ways=ways)
    await case.step()
    await case.step()

    assert (case.asked, case.told) == (["none", "none"], 1)


async def test_an_unclear_refusal_counts_for_its_turn_only() -> None:
    ways = Ways(ManualClock())
    rejected = ProviderError("no", code="provider_rejected")
    await Case((NO_TOOLS,), (rejected,), (Content("x"),), ways=ways).step()

    assert ways.of(REQUEST.model) is Way.JSON


async def test_a_fallbacks_refusal_is_not_the_models() -> None:
    down = ScriptedProvider((ProviderUnreachable("down"),))
    case, ways = Case((NO_TOOLS,), SAYS), Ways(ManualClock())
    models = Models(
        {"scripted": lambda: case.provider, "down": lambda: down},
        ["scripted/any"],
        Retries(clock=ManualClock()),
    )
    asking = Asking(models, lambda: None, ways)
    request = dataclasses.replace(REQUEST, model="down/x")
    events = [event async for event in asking.stream(request)]

    assert text_of(events) == "Noon."
    assert [type(event) for event in events].count(Notice) == 1
    assert ways.of("down/x") is Way.NATIVE


# Through the provider of Ollama


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    """A fake Ollama, of whose models ``gemma2:2b`` knows no tools."""
    async with FakeOllama() as running:
        yield running


@pytest.fixture
async def ollama(server: FakeOllama) -> AsyncIterator[Models]:
    """All models of that server."""
    models = Models({"ollama": lambda: OllamaProvider(LlmSettings(ollama_url=server.url))})
    yield models
    await models.aclose()


GEMMA = dataclasses.replace(REQUEST, model="ollama/gemma2:2b")


async def test_ollama_holds_a_model_to_the_form(server: FakeOllama, ollama: Models) -> None:
    server.answer = Answer(
        content=('{"tool": "li', 'ght", "arguments": {"room": "hall", "on": true}}')
    )
    asking = Asking(ollama, lambda: pytest.fail("tools were left out"))
    events = [event async for event in asking.stream(GEMMA)]

    (call,) = [event.call for event in events if isinstance(event, ToolCallRequest)]
    assert (call.name, call.arguments) == ("light", {"room": "hall", "on": True})
    # The fake has refused the first, as the real one does: its body carried tools.
    assert len(server.chats) == 2
    body = server.chats[1]
    assert body["format"] == call_schema((CLOCK, LIGHT))
    assert "tools" not in body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]

    server.answer = Answer(content=('{"answer": "It is ', "bright\\u0021", '"}'))
    after = (
        *GEMMA.messages,
        Message(Role.ASSISTANT, "", tool_calls=(call,)),
        Message(Role.TOOL, "done", tool_call_id=call.id, name=call.name),
    )
    request = dataclasses.replace(GEMMA, messages=after)
    pieces = [it.text async for it in asking.stream(request) if isinstance(it, Content)]
    assert pieces == ["It is ", "bright!"]
    roles = [message["role"] for message in server.chats[2]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


async def test_an_old_ollama_answers_without_tools(server: FakeOllama, ollama: Models) -> None:
    server.schemas = False
    told: list[bool] = []
    asking = Asking(ollama, lambda: told.append(True))
    events = [event async for event in asking.stream(GEMMA)]

    assert text_of(events) == "".join(Answer().content)
    assert told == [True]
    assert [set(chat) & {"tools", "format"} for chat in server.chats] == [
        {"tools"},
        {"format"},
        set(),
    ]


@pytest.mark.parametrize("code", ["images_unsupported", "provider_rejected"])
async def test_a_model_that_cannot_look_at_pictures_answers_without(code: str) -> None:
    refusal = ProviderError("no pictures", code=code)
    case = Case([refusal], [Content("A")], [Content("B")])
    shown = Message(Role.USER, "Look", images=(Image(b"1"), Image(b"2")))
    request = dataclasses.replace(REQUEST, messages=(shown,))
    assert text_of(await case.step(request)) == "A"
    assert text_of(await case.step(request)) == "B"
    first, *others = case.provider.requests
    assert len(first.messages[0].images) == 2
    for one in others:
        assert one.messages[0].images == ()
        assert one.messages[0].content.startswith("Look\n[pictures left out: 2")
    assert case.asked == ["native"] * 3
    assert (case.blind, case.told) == (1, 0)
