"""What may pass is asked again, patiently and never after a word was shown; no test waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import cast

import pytest

from ruster.core.errors import EngineCrashed, ProviderError, ProviderUnreachable
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    ProcessStart,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall
from ruster.llm.retries import Retries, RetryPolicy
from ruster.testing.clock import ManualClock

POLICY = RetryPolicy(attempts=4, delay_s=1, delay_max_s=8, budget_s=60, breaker_failures=100)
BUSY = ProviderError("busy: wait", retryable=True)
GONE = ProviderUnreachable("not answering: start it")
SILENT = ProviderUnreachable("not answering (no connection in time): start it", retryable=True)
ANSWER: tuple[InferenceEvent, ...] = (ProcessStart(), Content("ok"), Usage(3, 1), Complete())

Script = Sequence[InferenceEvent | ProviderError | float]


class Scene:
    """A provider that plays one script a request, on a clock that moves only while it sleeps."""

    def __init__(self, *scripts: Script, policy: RetryPolicy = POLICY, chance: float = 1.0) -> None:
        self.clock = ManualClock()
        self.waits: list[float] = []
        self.asked = 0
        self.closed = 0
        self.scripts = list(scripts)
        self.retries = Retries(policy, self.clock, sleep=self._sleep, chance=lambda: chance)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)

    async def _ask(self) -> AsyncIterator[InferenceEvent]:
        script = self.scripts[min(self.asked, len(self.scripts) - 1)]
        self.asked += 1
        try:
            for step in script:
                if isinstance(step, ProviderError):
                    raise step
                if isinstance(step, float):
                    self.clock.advance(step)
                else:
                    yield step
        finally:
            self.closed += 1

    def stream(self, prefix: str = "p") -> AsyncIterator[InferenceEvent]:
        """Begin one answer."""
        return self.retries.stream(prefix, self._ask, self.retries.tally())

    async def answer(self) -> list[InferenceEvent]:
        """Run one answer to its end."""
        return [event async for event in self.stream()]

    async def failure(self) -> ProviderError:
        """Run one answer that must fail."""
        with pytest.raises(ProviderError) as raised:
            await self.answer()
        return raised.value


def _asks(seconds: float) -> ProviderError:
    error = ProviderError("slow down: wait", retryable=True)
    error.retry_after_s = seconds
    return error


async def test_an_answer_at_once_is_passed_on_with_its_tally() -> None:
    scene = Scene((ProcessStart(), 2.0, *ANSWER[1:]))

    assert await scene.answer() == [
        ProcessStart(),
        Content("ok"),
        Usage(3, 1, attempts=1, latency_ms=2000),
        Complete(),
    ]
    assert scene.waits == []


async def test_attempts_and_waiting_are_counted() -> None:
    scene = Scene((0.5, BUSY), (BUSY,), ANSWER)
    events = await scene.answer()

    assert events[0] == ProcessStart()
    assert events[2] == Usage(3, 1, attempts=3, latency_ms=3500)
    assert scene.waits == [1, 2]
    assert scene.closed == 3


async def test_an_answer_without_usage_still_tells_the_attempts() -> None:
    scene = Scene((BUSY,), (ProcessStart(), Content("ok"), Complete()))

    assert (await scene.answer())[-2] == Usage(attempts=2, latency_ms=1000)


async def test_the_beginning_is_told_once() -> None:
    scene = Scene((ProcessStart(), BUSY), ANSWER)

    assert [type(event) for event in await scene.answer()].count(ProcessStart) == 1


async def test_waits_double_up_to_the_longest_and_then_it_ends() -> None:
    policy = RetryPolicy(attempts=6, delay_s=1, delay_max_s=5, breaker_failures=100)
    scene = Scene((BUSY,), policy=policy)

    assert await scene.failure() is BUSY
    assert scene.waits == [1, 2, 4, 5, 5]
    assert scene.asked == 6


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
async def test_every_wait_is_somewhere_between_nothing_and_its_longest(chance: float) -> None:
    scene = Scene((BUSY,), chance=chance)
    await scene.failure()

    assert scene.waits == [chance * longest for longest in (1, 2, 4)]


async def test_what_the_provider_asks_for_is_kept() -> None:
    scene = Scene((_asks(7),), ANSWER, chance=0.5)
    await scene.answer()

    assert scene.waits == [7.5]


async def test_a_provider_that_asks_for_too_long_is_not_asked_again() -> None:
    scene = Scene((_asks(9),), ANSWER)

    assert (await scene.failure()).retry_after_s == 9
    assert scene.asked == 1


async def test_nothing_begins_beyond_the_budget() -> None:
    scene = Scene((59.5, BUSY), ANSWER)

    assert await scene.failure() is BUSY
    assert scene.asked == 1


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("bad request", code="provider_rejected"),
        GONE,
        ProviderUnreachable("no model", code="model_not_found"),
        EngineCrashed("the engine died"),
    ],
)
async def test_what_will_not_pass_is_not_asked_again(error: ProviderError) -> None:
    scene = Scene((error,), ANSWER)

    assert await scene.failure() is error
    assert scene.asked == 1


@pytest.mark.parametrize(
    "shown",
    [
        Content("a"),
        Thought(ThoughtPhase.START),
        ToolCallRequest(ToolCall("c", "f")),
    ],
)
async def test_nothing_is_asked_again_once_something_was_shown(shown: InferenceEvent) -> None:
    scene = Scene((ProcessStart(), shown, BUSY), ANSWER)

    assert await scene.failure() is BUSY
    assert scene.asked == 1


async def test_leaving_closes_the_request() -> None:
    scene = Scene(ANSWER)
    stream = cast("AsyncGenerator[InferenceEvent, None]", scene.stream())
    await anext(stream)

    await stream.aclose()

    assert scene.closed == 1


BREAKING = RetryPolicy(attempts=1, breaker_failures=3, breaker_rest_s=30)


async def _broken() -> Scene:
    scene = Scene((BUSY,), (SILENT,), (BUSY,), ANSWER, policy=BREAKING)
    for _ in range(3):
        await scene.failure()
    return scene


async def test_after_failures_in_a_row_the_provider_rests() -> None:
    scene = await _broken()
    error = await scene.failure()

    assert isinstance(error, ProviderUnreachable)
    assert error.code == "provider_resting"
    assert error.message == "p failed 3 times in a row (busy): it is asked again in 30 s"
    assert scene.asked == 3
    assert scene.retries.resting("p")
    assert not scene.retries.resting("q")


async def test_others_are_not_affected() -> None:
    scene = await _broken()

    assert [type(e) async for e in scene.stream("q")][-1] is Complete


async def test_after_its_rest_one_request_tries_and_closes_the_breaker() -> None:
    scene = await _broken()
    scene.clock.advance(30)
    probe = cast("AsyncGenerator[InferenceEvent, None]", scene.stream())
    assert await anext(probe) == ProcessStart()

    assert (await scene.failure()).code == "provider_resting"
    assert [event async for event in probe][-1] == Complete()
    assert (await scene.answer())[-1] == Complete()


async def test_a_failed_try_means_another_rest() -> None:
    scene = await _broken()
    scene.scripts[3] = (BUSY,)
    scene.clock.advance(30)

    assert await scene.failure() is BUSY
    assert (await scene.failure()).code == "provider_resting"
    assert scene.asked == 4


async def test_a_try_that_is_given_up_lets_the_next_one_in() -> None:
    scene = await _broken()
    scene.clock.advance(30)
    probe = cast("AsyncGenerator[InferenceEvent, None]", scene.stream())
    await anext(probe)
    await probe.aclose()

    assert (await scene.answer())[-1] == Complete()


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        ProviderUnreachable("no model", code="model_not_found"),
        ProviderUnreachable("no key", code="provider_key_missing"),
        ProviderError("bad request", code="provider_rejected"),
        EngineCrashed("the engine died"),
    ],
)
async def test_failures_of_ours_do_not_open_the_breaker(error: ProviderError) -> None:
    scene = Scene((error,), policy=BREAKING)
    for _ in range(10):
        assert await scene.failure() is error


async def test_a_success_starts_the_count_anew() -> None:
    scene = Scene((BUSY,), (BUSY,), ANSWER, (BUSY,), (BUSY,), ANSWER, policy=BREAKING)
    for fails in (True, True, False, True, True, False):
        await (scene.failure() if fails else scene.answer())

    assert scene.asked == 6


async def test_retrying_ends_when_the_breaker_opens() -> None:
    policy = RetryPolicy(attempts=10, delay_s=1, breaker_failures=3)
    scene = Scene((BUSY,), policy=policy)

    assert await scene.failure() is BUSY
    assert scene.asked == 3
