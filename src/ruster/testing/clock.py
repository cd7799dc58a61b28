"""A clock that moves when told to."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """Implements ``core.clock.Clock``; starts at a fixed day, in seconds."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; the other goes on as if nothing had happened."""
        self._now += seconds
