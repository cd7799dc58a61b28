"""The circuit breaker: a provider that fails again and again is left alone for a while."""

from __future__ import annotations

import math

from ruster.core.clock import Clock
from ruster.core.errors import ModelError, ProviderError, ProviderUnreachable

__all__ = ["Breaker"]


class Breaker:
    """Counts the failures in a row of one provider.

    After ``failures`` of them it is open for ``rest_s`` seconds: ``admit`` refuses. Then one
    request may try; it closes the breaker or opens it for as long again.
    """

    def __init__(self, name: str, failures: int, rest_s: float, clock: Clock) -> None:
        self._name = name
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False
        self._reason = ""

    @property
    def open(self) -> bool:
        """Whether the next request would be refused."""
        return self._opened_at is not None and (self._probing or self._left_s(self._opened_at) > 0)

    def admit(self) -> None:
        """Let a request pass; raises ``ProviderUnreachable`` (``provider_resting``) while open.

        Whoever is let in tells the outcome: ``succeeded``, ``failed`` or ``left``.
        """
        if self._opened_at is None:
            return
        if self.open:
            seconds = max(1, math.ceil(self._left_s(self._opened_at)))
            raise ProviderUnreachable(
                f"{self._name} failed {self._failures} times in a row ({self._reason}): "
                f"it is asked again in {seconds} s",
                code="provider_resting",
                retryable=True,
            )
        self._probing = True

    def succeeded(self) -> None:
        """The provider works."""
        self._failures = 0
        self._opened_at = None
        self._probing = False

    def failed(self, error: ProviderError) -> None:
        """A request failed; only what is the provider's fault counts."""
        if not _counts(error):
            self.left()
            return
        self._failures += 1
        self._reason = error.message.partition(": ")[0]
        if self._probing or self._failures >= self._limit:
            self._opened_at = self._clock.monotonic()
        self._probing = False

    def left(self) -> None:
        """The request ended without telling anything about the provider."""
        self._probing = False

    def _left_s(self, opened_at: float) -> float:
        return opened_at + self._rest_s - self._clock.monotonic()


def _counts(error: ProviderError) -> bool:
    """Tell whether an error speaks against the provider: not a model, key or message of ours.

    A port nobody listens on (not retryable) does not: to ask there costs nothing, and a server that
    was just started must not be passed by.
    """
    return error.retryable and not isinstance(error, ModelError)
