"""What every provider owes its callers. A new provider is one entry in ``SUBJECTS``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pytest
from tests.fakes import gemini_answers, openai_answers
from tests.fakes.gemini_server import FakeGemini
from tests.fakes.hosted import at
from tests.fakes.inference import ask, collect, text_of, thoughts_of
from tests.fakes.ollama_answers import Answer
from tests.fakes.ollama_server import FakeOllama, refused_url
from tests.fakes.openai_server import FakeOpenAi

from ruster.core.errors import ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceEvent,
    ProcessStart,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.ports import Provider
from ruster.core.tasks import spawn
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.pinky import PinkyProvider
from ruster.llm.settings import LlmSettings

PROMPT = "What is the capital of France?"


async def _nothing() -> None:
    """Stand for a provider that holds nothing outside the process."""


@dataclass
class Subject:
    """A provider under test. Its ``model`` answers ``PROMPT`` with a thought and ``answer``; its
    ``slow_model`` takes seconds for a long prompt. ``released`` returns once a stream that was
    closed holds nothing any more. ``absent`` cannot answer at all (``absent_model``).
    """

    prefix: str
    provider: Provider
    model: str
    answer: str
    slow_model: str
    window: int
    absent: Provider
    absent_model: str = "no-such-model"
    released: Callable[[], object] = _nothing

    async def wait_released(self) -> None:
        """Wait until the last closed stream has let everything go."""
        await cast("asyncio.Future[None]", self.released())


@asynccontextmanager
async def _pinky() -> AsyncIterator[Subject]:
    pinky = PinkyProvider()
    answer = f"Pinky says: {PROMPT}"
    yield Subject("pinky", pinky, "tiny-model", answer, "slow", 8192, pinky)
    await pinky.aclose()


@asynccontextmanager
async def _ollama() -> AsyncIterator[Subject]:
    async with FakeOllama() as server:
        server.answer = Answer(content=("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = Answer(("Par", "is", "."), thinking=("Hmm", ", France"))
        ollama = OllamaProvider(LlmSettings(ollama_url=server.url))
        absent = OllamaProvider(LlmSettings(ollama_url=await refused_url()))
        yield Subject(
            prefix="ollama",
            provider=ollama,
            model="qwen3:8b",
            answer="Paris.",
            slow_model="qwen3:8b",
            window=8192,
            absent=absent,
            released=server.disconnected.wait,
        )
        await ollama.aclose()
        await absent.aclose()
        await server.wait_closed()


@asynccontextmanager
async def _openai() -> AsyncIterator[Subject]:
    async with FakeOpenAi(key="k-123456") as server:
        server.answer = openai_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = openai_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))
        keys = {"OPENROUTER_API_KEY": "k-123456"}
        openai = OpenAiProvider(at("openrouter", server.base_url, variables=keys))
        absent = OpenAiProvider(at("openrouter", await refused_url(), variables=keys))
        yield Subject(
            prefix="openrouter",
            provider=openai,
            model="qwen/qwen3-8b",
            answer="Paris.",
            slow_model="qwen/qwen3-8b",
            window=40_960,
            absent=absent,
            released=server.disconnected.wait,
        )
        await openai.aclose()
        await absent.aclose()
        await server.wait_closed()


@asynccontextmanager
async def _gemini() -> AsyncIterator[Subject]:
    async with FakeGemini(key="k-123456") as server:
        server.answer = gemini_answers.Answer(("word ",) * 100, delay_s=0.05)
        server.answers[PROMPT] = gemini_answers.Answer(("Par", "is", "."), ("Hmm", ", France"))
        keys = {"GEMINI_API_KEY": "k-123456"}
        gemini = GeminiProvider(at("gemini", server.url, variables=keys))
        absent = GeminiProvider(at("gemini", await refused_url(), variables=keys))
        yield Subject(
            prefix="gemini",
            provider=gemini,
            model="gemini-2.5-flash",
            answer="Paris.",
            slow_model="gemini-2.5-flash",
            window=1_048_576,
            absent=absent,
            released=server.disconnected.wait,
        )
        await gemini.aclose()
        await absent.aclose()
        await server.wait_closed()


SUBJECTS: dict[str, Callable[[], AbstractAsyncContextManager[Subject]]] = {
    "pinky": _pinky,
    "ollama": _ollama,
    "openai_compatible": _openai,
    "gemini": _gemini,
}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each provider in turn."""
    async with SUBJECTS[request.param]() as made:
        yield made


LONG_PROMPT = "tell me a long story " * 25


def _open(subject: Subject) -> AsyncGenerator[InferenceEvent, None]:
    stream = subject.provider.stream(ask(subject.slow_model, LONG_PROMPT))
    return cast("AsyncGenerator[InferenceEvent, None]", stream)


async def _first_content(stream: AsyncIterator[InferenceEvent]) -> None:
    async for event in stream:
        if isinstance(event, Content):
            return
    pytest.fail("the answer had no content")


async def test_events_come_in_order(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, PROMPT))

    assert events[0] == ProcessStart()
    assert events[-1] == Complete()
    assert [type(event) for event in events].count(ProcessStart) == 1
    assert [type(event) for event in events].count(Complete) == 1
    assert isinstance(events[-2], Usage)


async def test_content_adds_up_to_the_answer(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, PROMPT))

    assert text_of(events) == subject.answer


async def test_a_thought_starts_goes_on_and_stops_before_the_answer(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, PROMPT))
    phases = [thought.phase for thought in thoughts_of(events)]

    assert phases[0] is ThoughtPhase.START
    assert phases[-1] is ThoughtPhase.STOP
    assert set(phases[1:-1]) == {ThoughtPhase.DELTA}
    first_content = next(n for n, event in enumerate(events) if isinstance(event, Content))
    last_thought = max(n for n, event in enumerate(events) if isinstance(event, Thought))
    assert last_thought < first_content


async def test_thoughts_can_be_left_out(subject: Subject) -> None:
    hidden = ask(subject.model, PROMPT, behaviour=Behaviour(show_thinking=False))
    events = await collect(subject.provider, hidden)

    assert thoughts_of(events) == []
    assert text_of(events) == subject.answer


async def test_usage_counts_both_directions(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, PROMPT))
    usage = next(event for event in events if isinstance(event, Usage))

    assert usage.prompt > 0
    assert usage.completion > 0


async def test_closing_the_stream_releases_it(subject: Subject) -> None:
    async with asyncio.timeout(5):
        async with aclosing(_open(subject)) as stream:
            await _first_content(stream)
        await subject.wait_released()


async def test_cancelling_the_reader_releases_the_stream(subject: Subject) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(_open(subject)) as stream:
            await _first_content(stream)
            started.set()
            async for _ in stream:
                pass

    async with asyncio.timeout(5):
        task = spawn(read(), name="reader")
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await subject.wait_released()


async def test_a_provider_answers_again_after_a_closed_stream(subject: Subject) -> None:
    async with aclosing(_open(subject)) as stream:
        await _first_content(stream)

    events = await collect(subject.provider, ask(subject.model, PROMPT))

    assert text_of(events) == subject.answer


async def test_streams_at_the_same_time_do_not_mix(subject: Subject) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(collect(subject.provider, ask(subject.model, PROMPT)))
            for _ in range(8)
        ]

    assert {text_of(task.result()) for task in tasks} == {subject.answer}


async def test_an_absent_provider_raises_before_its_first_event(subject: Subject) -> None:
    stream = subject.absent.stream(ask(subject.absent_model))

    with pytest.raises(ProviderUnreachable) as raised:
        await anext(stream)

    assert raised.value.code in {"provider_unreachable", "model_not_found"}


async def test_an_unknown_model_is_told_by_its_name(subject: Subject) -> None:
    with pytest.raises(ProviderUnreachable, match="no-such-model") as raised:
        await collect(subject.provider, ask("no-such-model"))

    assert raised.value.code == "model_not_found"


async def test_models_carry_the_prefix_and_can_be_asked(subject: Subject) -> None:
    ids = [model.id for model in await subject.provider.models()]

    assert f"{subject.prefix}/{subject.model}" in ids
    assert all(name.startswith(f"{subject.prefix}/") for name in ids)


async def test_the_window_is_known_for_models_at_hand_only(subject: Subject) -> None:
    assert await subject.provider.context_size(subject.model) == subject.window
    assert await subject.provider.context_size("no-such-model") is None
    assert await subject.absent.context_size(subject.absent_model) is None


async def test_closing_twice_does_no_harm(subject: Subject) -> None:
    await collect(subject.provider, ask(subject.model, PROMPT))

    await subject.provider.aclose()
    await subject.provider.aclose()
