"""Asking a provider again when a failure may pass: how often, how long to wait, when to stop.

Waits grow exponentially with full jitter, or are what the provider asks for. Nothing is asked again
once any part of an answer was shown.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import ModelError, ProviderError
from ruster.core.inference import (
    Complete,
    InferenceEvent,
    Notice,
    ProcessStart,
    Progress,
    Usage,
)
from ruster.llm.breaker import Breaker
from ruster.llm.settings import LlmSettings

__all__ = ["BEFORE_ANSWER", "Retries", "RetryPolicy", "Tally"]

BEFORE_ANSWER = (Notice, ProcessStart, Progress)
"""Events that show nothing of an answer: after them alone, it can still come from elsewhere."""

_log = logging.getLogger("ruster.llm")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to ask (``attempts`` in all) and how long to wait, in seconds."""

    attempts: int = 3
    delay_s: float = 0.5
    delay_max_s: float = 30.0
    budget_s: float = 300.0
    breaker_failures: int = 5
    breaker_rest_s: float = 30.0

    @classmethod
    def of(cls, settings: LlmSettings) -> RetryPolicy:
        """Take it from the settings."""
        return cls(
            settings.retry_attempts,
            settings.retry_delay_s,
            settings.retry_delay_max_s,
            settings.retry_budget_s,
            settings.breaker_failures,
            settings.breaker_rest_s,
        )


@dataclass(slots=True)
class Tally:
    """What one answer has cost so far: requests, and the time since ``started`` (monotonic)."""

    started: float
    attempts: int = 0


class Retries:
    """Streams with retries, and one circuit breaker a provider.

    ``clock``, ``sleep`` and ``chance`` (0 to 1) are given, so that tests need not wait.
    """

    def __init__(
        self,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance
        self._breakers: dict[str, Breaker] = {}

    def tally(self) -> Tally:
        """Begin to count for one answer."""
        return Tally(self._clock.monotonic())

    def resting(self, prefix: str) -> bool:
        """Tell whether a provider is being left alone."""
        return prefix in self._breakers and self._breakers[prefix].open

    async def stream(
        self, prefix: str, ask: Callable[[], AsyncIterator[InferenceEvent]], tally: Tally
    ) -> AsyncIterator[InferenceEvent]:
        """Run ``ask()`` until it succeeds or nothing more may be hoped for.

        A second ``ProcessStart`` is left out; ``Usage`` carries the tally. Raises the last error,
        or ``ProviderUnreachable`` (``provider_resting``) without asking.
        """
        breaker = self._breaker(prefix)
        begun = False
        for number in range(1, self._policy.attempts + 1):
            breaker.admit()
            tally.attempts += 1
            attempt = _Attempt(breaker)
            try:
                async with aclosing(attempt.events(ask())) as events:
                    async for event in events:
                        if isinstance(event, ProcessStart):
                            if begun:
                                continue
                            begun = True
                        yield self._stamped(event, tally)
                return
            except ProviderError as error:
                wait_s = self._wait_s(error, number, tally)
                if attempt.shown or wait_s is None or breaker.open:
                    raise
                _log.warning(
                    "%s failed (%s); asked again in %.1f s, attempt %d of %d",
                    *(prefix, error.code, wait_s, number + 1, self._policy.attempts),
                )
            await self._sleep(wait_s)

    def _wait_s(self, error: ProviderError, number: int, tally: Tally) -> float | None:
        """Return how long to wait after attempt ``number``, or None to give up."""
        policy = self._policy
        if not error.retryable or isinstance(error, ModelError) or number >= policy.attempts:
            return None
        asked_s = error.retry_after_s
        if asked_s is None:
            longest_s = min(policy.delay_max_s, policy.delay_s * 2 ** (number - 1))
            wait_s = self._chance() * longest_s
        elif asked_s > policy.delay_max_s:
            return None
        else:
            # Everybody was told the same: come back a little later than that.
            wait_s = asked_s + self._chance() * policy.delay_s
        spent_s = self._clock.monotonic() - tally.started
        return wait_s if spent_s + wait_s <= policy.budget_s else None

    def _stamped(self, event: InferenceEvent, tally: Tally) -> InferenceEvent:
        if not isinstance(event, Usage):
            return event
        latency_ms = round((self._clock.monotonic() - tally.started) * 1000)
        return dataclasses.replace(event, attempts=tally.attempts, latency_ms=latency_ms)

    def _breaker(self, prefix: str) -> Breaker:
        if prefix not in self._breakers:
            policy = self._policy
            self._breakers[prefix] = Breaker(
                prefix, policy.breaker_failures, policy.breaker_rest_s, self._clock
            )
        return self._breakers[prefix]


class _Attempt:
    """One request: tells the breaker how it went. ``shown`` once a part of an answer came."""

    def __init__(self, breaker: Breaker) -> None:
        self.shown = False
        self._breaker = breaker

    async def events(
        self, stream: AsyncIterator[InferenceEvent]
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Pass the events on; an answer without a word about its usage gets an empty one."""
        told = usage = False
        try:
            async with _closing(stream):
                async for event in stream:
                    if not isinstance(event, BEFORE_ANSWER) and not told:
                        self.shown = told = True
                        self._breaker.succeeded()
                    usage = usage or isinstance(event, Usage)
                    if isinstance(event, Complete) and not usage:
                        yield Usage()
                    yield event
        except ProviderError as error:
            if not told:
                told = True
                self._breaker.failed(error)
            raise
        finally:
            if not told:
                self._breaker.left()


def _closing(stream: AsyncIterator[InferenceEvent]) -> aclosing[AsyncGenerator[InferenceEvent]]:
    return aclosing(cast(AsyncGenerator[InferenceEvent], stream))
