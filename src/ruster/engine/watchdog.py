"""Notices that the worker has stopped making steps.

Work must be heard of within the limit: an answer's text, a load's progress, or a heartbeat. The
timer runs only while requests do, looks once per limit at most, and its clock stands still while
the machine is suspended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Watchdog"]

_GRACE = 0.1  # of the limit: time to read what waits in the pipe, if it was us who stood still


class Watchdog:
    """Calls ``on_hang`` with the limit once nothing was heard for ``limit_s`` of work."""

    def __init__(self, limit_s: float, on_hang: Callable[[float], None]) -> None:
        self._usual_s = self._limit_s = limit_s
        self._on_hang = on_hang
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Note that the worker has shown work."""
        self._heard_at = _now()

    def start(self) -> None:
        """Begin to watch, if that has not begun: there is work to do."""
        if self._timer is None:
            self.heard()
            self._wait(self._limit_s)

    def stop(self) -> None:
        """Watch no more: there is nothing to do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def allow(self, limit_s: float | None = None) -> None:
        """Set the limit for what is done next; None sets the usual one."""
        self._limit_s = self._usual_s if limit_s is None else limit_s
        self.heard()
        if self._timer is not None:
            self.stop()
            self._wait(self._limit_s)

    def _wait(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        left_s = self._heard_at + self._limit_s - _now()
        if left_s > 0:
            self._wait(left_s)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_GRACE * self._limit_s, self._confirm, self._heard_at)

    def _confirm(self, heard_at: float) -> None:
        """Look again after what was waiting in the pipe has been read."""
        if self._heard_at != heard_at:
            self._look()
            return
        self._timer = None
        self._on_hang(self._limit_s)


def _now() -> float:
    return asyncio.get_running_loop().time()
