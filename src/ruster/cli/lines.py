"""Where the lines of a chat come from when nobody types them: a pipe or a file."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque

__all__ = ["PipedLines"]

_CHUNK_BYTES = 64 * 1024


class PipedLines:
    """Reads stdin line by line. A read that blocks keeps nothing else from ending."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._ended = False

    async def read(self) -> str | None:
        """Return the next line, or None at the end."""
        while not self._lines and not self._ended:
            chunk = await self._chunk()
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines.extend(lines)
            self._ended = not chunk
            if self._ended and self._rest:
                self._lines.append(self._rest)
        if not self._lines:
            return None
        return self._lines.popleft().decode("utf-8", "replace").removesuffix("\r")

    async def _chunk(self) -> bytes:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()

        def read() -> None:
            data = os.read(self._fd, _CHUNK_BYTES)
            loop.call_soon_threadsafe(_settle, future, data)

        # A daemon thread: a thread of the pool would keep the program from ending.
        threading.Thread(target=read, daemon=True, name="stdin").start()
        return await future


def _settle(future: asyncio.Future[bytes], data: bytes) -> None:
    if not future.done():
        future.set_result(data)
