"""What every provider owes its callers. A new provider is one entry in ``SUBJECTS``."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest
from tests.contracts.subjects import PROXIED, SUBJECTS, Subject
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.inference import ask, collect, text_of, thoughts_of

from ruster.core.errors import ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceEvent,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.tasks import spawn

_NEEDS_GATEWAY = pytest.mark.skipif(
    importlib.util.find_spec("uvicorn") is None,
    reason="the HTTP server is not installed (extra `gateway`)",
)
_MARKS = {"llamacpp": NEEDS_ENGINE} | {name: [_NEEDS_GATEWAY] for name in PROXIED}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, [])) for name in SUBJECTS])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each provider in turn."""
    async with SUBJECTS[request.param]() as made:
        yield made


def _open(subject: Subject) -> AsyncGenerator[InferenceEvent, None]:
    stream = subject.provider.stream(ask(subject.slow_model, subject.long_prompt))
    return cast("AsyncGenerator[InferenceEvent, None]", stream)


async def _first_content(stream: AsyncIterator[InferenceEvent]) -> None:
    async for event in stream:
        if isinstance(event, Content):
            return
    pytest.fail("the answer had no content")


async def test_events_come_in_order(subject: Subject) -> None:
    told = await collect(subject.provider, ask(subject.model, subject.prompt))
    events = [event for event in told if not isinstance(event, (Notice, Progress))]

    assert events[0] == ProcessStart()
    assert events[-1] == Complete()
    assert [type(event) for event in events].count(ProcessStart) == 1
    assert [type(event) for event in events].count(Complete) == 1
    assert isinstance(events[-2], Usage)


async def test_content_adds_up_to_the_answer(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, subject.prompt))

    assert text_of(events) == subject.answer


async def test_a_thought_starts_goes_on_and_stops_before_the_answer(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, subject.prompt))
    phases = [thought.phase for thought in thoughts_of(events)]

    assert phases[0] is ThoughtPhase.START
    assert phases[-1] is ThoughtPhase.STOP
    assert set(phases[1:-1]) == {ThoughtPhase.DELTA}
    first_content = next(n for n, event in enumerate(events) if isinstance(event, Content))
    last_thought = max(n for n, event in enumerate(events) if isinstance(event, Thought))
    assert last_thought < first_content


async def test_thoughts_can_be_left_out(subject: Subject) -> None:
    hidden = ask(subject.model, subject.prompt, behaviour=Behaviour(show_thinking=False))
    events = await collect(subject.provider, hidden)

    assert thoughts_of(events) == []
    assert text_of(events) == subject.answer


async def test_usage_counts_both_directions(subject: Subject) -> None:
    events = await collect(subject.provider, ask(subject.model, subject.prompt))
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

    events = await collect(subject.provider, ask(subject.model, subject.prompt))

    assert text_of(events) == subject.answer


async def test_streams_at_the_same_time_do_not_mix(subject: Subject) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(collect(subject.provider, ask(subject.model, subject.prompt)))
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
    await collect(subject.provider, ask(subject.model, subject.prompt))

    await subject.provider.aclose()
    await subject.provider.aclose()
