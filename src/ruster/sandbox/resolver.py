"""Names to addresses, off the event loop and with a bound on time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from ruster.core.errors import ToolError
from ruster.sandbox.addresses import IPAddress

__all__ = ["Resolver", "SystemResolver"]

_MAX_ADDRESSES = 32
_MAX_LOOKUPS = 16


class Resolver(Protocol):
    """Who knows the addresses of names."""

    async def resolve(self, host: str) -> tuple[IPAddress, ...]:
        """Return all addresses of a name, the preferred one first; raises ToolError."""
        ...


class SystemResolver:
    """Asks the system's resolver, each name in a thread of its own.

    A lookup cannot be cancelled in C, so its thread is left behind when the time is over; a bound
    on their number keeps a dead name server from filling the process with them.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._running = 0

    async def resolve(self, host: str) -> tuple[IPAddress, ...]:
        """See ``Resolver``."""
        if self._running >= _MAX_LOOKUPS:
            raise ToolError("too many names are being looked up", code="fetch_failed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[IPAddress, ...]] = loop.create_future()

        def settle(done: Callable[[], None]) -> None:
            self._running -= 1
            if not answer.done():
                done()

        def look_up() -> None:
            try:
                found = _addresses(host)
            except (OSError, ValueError, UnicodeError) as error:
                problem = _unknown(host, error)
                done: Callable[[], None] = lambda: answer.set_exception(problem)  # noqa: E731
            else:
                done = lambda: answer.set_result(found)  # noqa: E731
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(settle, done)

        self._running += 1
        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            message = f"looking up {host} took too long"
            raise ToolError(message, code="fetch_timeout", retryable=True) from None


def _addresses(host: str) -> tuple[IPAddress, ...]:
    rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(row[4][0]) for row in rows)
    return tuple(ip_address(text) for text in texts)[:_MAX_ADDRESSES]


def _unknown(host: str, error: Exception) -> ToolError:
    return ToolError(f"no address is known for {host}: {error}", code="fetch_failed")
