"""Time as a port, so that tests can drive it. Nothing else in ruster reads the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "rfc3339"]


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Seconds since the epoch (wall clock; may jump)."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start (never jumps back)."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def rfc3339(timestamp: float) -> str:
    """Write seconds since the epoch as local time with offset, to the millisecond (RFC 3339)."""
    return datetime.fromtimestamp(timestamp, UTC).astimezone().isoformat(timespec="milliseconds")
