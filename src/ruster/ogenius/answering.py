"""One answer at a time, and what Ctrl-C does to it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing

from ruster.core.inference import InferenceEvent
from ruster.core.tasks import spawn
from ruster.ogenius.showing import AnswerView

__all__ = ["AnswerRun"]


class AnswerRun:
    """Shows an answer. The first Ctrl-C ends the answer, if ``patient``; the next, the program."""

    def __init__(self, events: AsyncIterator[InferenceEvent], view: AnswerView) -> None:
        self._events = events
        self._view = view
        self._interrupts = 0
        self._waiting: asyncio.Task[None] | None = None
        self._left = asyncio.Event()

    async def run(self, *, patient: bool) -> None:
        """Show it to its end; raises what the answer raises, and KeyboardInterrupt.

        An answer that Ctrl-C ended is no failure.
        """
        loop = asyncio.get_running_loop()
        answering = spawn(self._show(), name="answer at the terminal", log_failure=False)
        leaving = spawn(self._left.wait(), name="wait for Ctrl-C", log_failure=False)
        loop.add_signal_handler(signal.SIGINT, self._interrupt, answering, patient)
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            leaving.cancel()
            answering.cancel()
            self._view.close()
        if self._left.is_set():
            raise KeyboardInterrupt
        if not answering.cancelled():
            answering.result()

    def _interrupt(self, answering: asyncio.Task[None], patient: bool) -> None:
        self._interrupts += 1
        if patient and self._interrupts == 1:
            answering.cancel()
        else:
            self._left.set()

    async def _show(self) -> None:
        async with aclosing(self._events) as events:  # type: ignore[type-var]
            async for event in events:
                self._view.show(event)
