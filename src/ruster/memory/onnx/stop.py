"""A way to end a computation from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Stop", "Stopped"]


class Stopped(Exception):
    """Nobody waits for the result any more."""


class _Endable(Protocol):
    terminate: bool


class Stop:
    """Set by who waits, looked at by who computes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._running: _Endable | None = None

    def set(self) -> None:
        """End what runs, soon, and let nothing new begin."""
        with self._lock:
            self._set = True
            if self._running is not None:
                self._running.terminate = True

    def check(self) -> None:
        """Raise Stopped if it is set."""
        if self._set:
            raise Stopped

    @contextmanager
    def ends(self, run: _Endable) -> Iterator[None]:
        """Let ``set`` end this run."""
        with self._lock:
            self.check()
            self._running = run
        try:
            yield
        finally:
            with self._lock:
                self._running = None
