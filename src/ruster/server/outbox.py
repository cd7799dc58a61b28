"""What one client has not read yet: bounded, watched for stalls, ended with a last word.

Lines of one loop iteration go out together. While the kernel takes no more they wait here, counted
against the client's user.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Outbox"]

_HIGH_WATER_BYTES = 32 * 1024
_LINGER_S = 10.0
"""How long the last line may wait for a client that reads again."""


class Outbox:
    """The way out to one client."""

    __slots__ = (
        "_closing",
        "_drained",
        "_flush_due",
        "_left",
        "_lines",
        "_linger_timer",
        "_on_change",
        "_on_stall",
        "_paused",
        "_stall_timeout_s",
        "_stall_timer",
        "_transport",
        "waiting_bytes",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        stall_timeout_s: float,
        on_stall: Callable[[], None],
        on_change: Callable[[int], None],
    ) -> None:
        """``on_change`` is told by how many bytes ``waiting_bytes`` grew (or shrank)."""
        transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._transport = transport
        self._stall_timeout_s = stall_timeout_s
        self._on_stall = on_stall
        self._on_change = on_change
        self._lines: deque[bytes] | None = None
        self._flush_due = False
        self._paused = False
        self._closing = False
        self._left = 0
        self._linger_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        self.waiting_bytes = 0

    def put(self, line: bytes) -> None:
        """Send a line as soon as the client takes it; ignored once the connection ends."""
        if self._closing or self._transport.is_closing():
            return
        if self._lines is None:
            self._lines = deque()
        self._lines.append(line)
        self._count(len(line))
        if not self._flush_due and not self._paused:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    async def drained(self) -> None:
        """Return once the client has taken what was put, or is gone."""
        while self._lines and not self._closing and not self._transport.is_closing():
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    def pause(self) -> None:
        """The kernel takes no more for now."""
        self._paused = True
        self._left = self._unread()
        self._watch()

    def resume(self) -> None:
        """The kernel takes more again."""
        self._paused = False
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        self._flush()

    def finish(self) -> None:
        """Send what waits, then close."""
        self._flush()
        if not self._lines:
            self._closing = True
            self._transport.close()

    def end(self, last_line: bytes) -> None:
        """Forget what waits, send a last line, close; a client that still does not read is cut."""
        if self._closing:
            return
        self._closing = True
        self.clear()
        self._transport.write(last_line)
        self._transport.close()
        loop = asyncio.get_running_loop()
        self._linger_timer = loop.call_later(_LINGER_S, self._transport.abort)

    def clear(self) -> None:
        """Forget everything, as the connection is over."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        self._lines = None
        if self.waiting_bytes:
            self._count(-self.waiting_bytes)
        self._wake_drained()

    def _flush(self) -> None:
        self._flush_due = False
        while self._lines and not self._paused and not self._transport.is_closing():
            chunk = self._take_chunk()
            self._transport.write(chunk)
            self._count(-len(chunk))
        if not self._lines:
            self._lines = None
            self._wake_drained()

    def _take_chunk(self) -> bytes:
        """Take whole lines up to about the size the transport may buffer."""
        taken, size = [], 0
        while self._lines and size < _HIGH_WATER_BYTES:
            taken.append(self._lines.popleft())
            size += len(taken[-1])
        return b"".join(taken)

    def _count(self, change: int) -> None:
        self.waiting_bytes += change
        self._on_change(change)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._stall_timer = loop.call_later(self._stall_timeout_s, self._check_stall)

    def _check_stall(self) -> None:
        self._stall_timer = None
        left = self._unread()
        if left >= self._left:
            self._on_stall()
        else:
            self._left = left
            self._watch()

    def _unread(self) -> int:
        """Count what was handed to the transport and not read, here and in the kernel."""
        queued = array("i", [0])
        with suppress(OSError):  # a system that cannot say how much waits in a local socket
            fcntl.ioctl(self._transport.get_extra_info("socket"), termios.TIOCOUTQ, queued)
        return self._transport.get_write_buffer_size() + queued[0]

    def _wake_drained(self) -> None:
        if self._drained is not None:
            self._drained.set_result(None)
            self._drained = None
