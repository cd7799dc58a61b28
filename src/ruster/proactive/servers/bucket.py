"""How often something may happen: so many times at once, and so many in a second after that."""

from __future__ import annotations

from ruster.core.clock import Clock

__all__ = ["TokenBucket"]


class TokenBucket:
    """Full at the start with ``burst`` tokens; ``rate`` of them come back in a second."""

    __slots__ = ("_burst", "_clock", "_level", "_rate", "_then")

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._then = clock.monotonic()

    @property
    def full(self) -> bool:
        """Whether nothing has been taken of late."""
        self._refill()
        return self._level >= self._burst

    @property
    def wait_s(self) -> float:
        """How long it takes until there is a token, in seconds."""
        self._refill()
        return max(0.0, (1 - self._level) / self._rate)

    def take(self) -> bool:
        """Take a token, if there is one."""
        self._refill()
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._level = min(self._burst, self._level + (now - self._then) * self._rate)
        self._then = now
