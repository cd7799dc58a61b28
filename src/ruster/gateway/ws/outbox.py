"""What the client of a WebSocket has not taken yet: bounded, and ended with a last word."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["SocketOutbox"]

_EASY_BYTES = 64 * 1024
"""So much may wait without anybody having to wait for it."""


class SocketOutbox:
    """The way out to one client. Over ``limit_bytes``, ``overflow`` is called once."""

    def __init__(self, limit_bytes: int, overflow: Callable[[], None]) -> None:
        self._limit_bytes = limit_bytes
        self._easy_bytes = min(_EASY_BYTES, limit_bytes // 4)
        self._overflow = overflow
        self._lines: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._eased = asyncio.Event()
        self._eased.set()
        self._ending = False
        self.waiting_bytes = 0

    def put(self, line: bytes) -> None:
        """Send a line as soon as the client takes it; ignored once it ends."""
        if self._ending:
            return
        self._lines.append(line)
        self.waiting_bytes += len(line)
        self._news.set()
        if self.waiting_bytes > self._easy_bytes:
            self._eased.clear()
        if self.waiting_bytes > self._limit_bytes:
            self._overflow()

    def end(self, last_line: bytes | None = None) -> None:
        """Forget what waits, send a last line if there is one, and no more."""
        if self._ending:
            return
        self._ending = True
        self._lines.clear()
        if last_line is not None:
            self._lines.append(last_line)
        self.waiting_bytes = len(last_line or b"")
        self._eased.set()
        self._news.set()

    def finish(self) -> None:
        """Send what waits, and no more."""
        self._ending = True
        self._eased.set()
        self._news.set()

    async def drained(self) -> None:
        """Return once little waits."""
        await self._eased.wait()

    async def pump(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send what comes, one line a message; returns after the last one."""
        async for line in self.lines():
            await send(line)

    async def lines(self) -> AsyncGenerator[str, None]:
        """Yield what comes, line by line, to the last one; each waits until it is wanted."""
        while self._lines or not self._ending:
            if not self._lines:
                self._news.clear()
                await self._news.wait()
                continue
            line = self._lines.popleft()
            yield line.decode().removesuffix("\n")
            self.waiting_bytes = max(0, self.waiting_bytes - len(line))
            if self.waiting_bytes <= self._easy_bytes:
                self._eased.set()
