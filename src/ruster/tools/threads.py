"""Blocking work beside the event loop that ends when its task is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Stop", "in_thread"]

_T = TypeVar("_T")


class Stop:
    """Tells a thread that nobody waits for its result any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the thread to end."""
        self._event.set()

    def check(self) -> None:
        """Raise InterruptedError once the work is not wanted any more."""
        if self._event.is_set():
            raise InterruptedError


async def in_thread(work: Callable[[Stop], _T]) -> _T:
    """Run ``work`` in a thread. When cancelled, wait until it has seen that and has cleaned up."""
    stop = Stop()
    future = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(future, return_exceptions=True)
        raise
