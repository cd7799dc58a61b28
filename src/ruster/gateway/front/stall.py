"""Notices a client that reads nothing while something waits for it."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import termios
from array import array
from contextlib import suppress

__all__ = ["StallWatch", "bound_unacknowledged"]


class StallWatch:
    """Cuts a connection whose client takes nothing for ``patience_s``, from ``pause`` on."""

    def __init__(self, transport: asyncio.Transport, patience_s: float) -> None:
        self._transport = transport
        self._patience_s = patience_s
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None

    def pause(self) -> None:
        """The kernel takes no more for now."""
        self._left = self._unread()
        self._start()

    def resume(self) -> None:
        """The kernel takes more again, or the connection is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self.resume()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience_s, self._check)

    def _check(self) -> None:
        left = self._unread()
        if left >= self._left:
            self._transport.abort()
            return
        self._left = left
        self._start()

    def _unread(self) -> int:
        queued = array("i", [0])
        sock = self._transport.get_extra_info("socket")
        with suppress(OSError, ValueError):
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
        return self._transport.get_write_buffer_size() + queued[0]


def bound_unacknowledged(transport: asyncio.BaseTransport, patience_s: float) -> None:
    """Have the kernel end a connection whose last bytes nobody takes (where it can)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    sock = transport.get_extra_info("socket")
    if option is not None and sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, int(patience_s * 1000))
