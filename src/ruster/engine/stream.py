"""What has come back for one request and was not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque

from ruster.core.errors import RusterError
from ruster.core.inference import Content, Progress
from ruster.core.orchestration import EngineBody

__all__ = ["OutputStream"]


class OutputStream:
    """A queue from the worker's reader to one consumer.

    It needs no limit on its length: pieces of text that wait are joined, and of progress only the
    latest is kept, so it holds no more than one answer, which the model's window bounds.
    """

    def __init__(self) -> None:
        self._bodies: deque[EngineBody] = deque()
        self._error: RusterError | None = None
        self._changed = asyncio.Event()
        self.ended = False

    def put(self, body: EngineBody) -> None:
        """Add an output and wake the consumer."""
        last = self._bodies[-1] if self._bodies else None
        if isinstance(body, Content) and isinstance(last, Content):
            self._bodies[-1] = Content(last.text + body.text)
        elif isinstance(body, Progress) and isinstance(last, Progress):
            self._bodies[-1] = body
        else:
            self._bodies.append(body)
        self._changed.set()

    def end(self, error: RusterError | None = None) -> None:
        """Say that nothing follows; ``error`` is raised once the rest is taken."""
        if not self.ended:
            self.ended, self._error = True, error
            self._changed.set()

    async def next(self) -> EngineBody | None:
        """Return the next output, or None at the end; raises the error it ended with."""
        while not self._bodies:
            if self._error is not None:
                raise self._error
            if self.ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._bodies.popleft()
