"""Notices that a client which has ended its input is gone altogether.

After the end of input an event loop watches a socket no longer, and only the next write would tell
a client that listens from one that has left. One epoll for all such sockets, with no events asked
for, reports nothing but the hang-up. Where there is no epoll, the next write tells.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

__all__ = ["HangupWatch"]


class HangupWatch:
    """Calls back when the other end of a watched socket is closed."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._watched: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, gone: Callable[[], None]) -> None:
        """Call ``gone`` once, when the peer of socket ``fd`` has closed it."""
        if fd in self._watched or not hasattr(select, "epoll"):
            return
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._report)
        self._epoll.register(fd, 0)
        self._watched[fd] = gone

    def forget(self, fd: int) -> None:
        """Watch a socket no longer; must be called before it is closed."""
        if self._watched.pop(fd, None) is not None and self._epoll is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        self._watched.clear()

    def _report(self) -> None:
        if self._epoll is None:
            return
        for fd, _ in self._epoll.poll(0):
            gone = self._watched.get(fd)
            self.forget(fd)
            if gone is not None:
                gone()
