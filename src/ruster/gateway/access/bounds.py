"""The body of a request, bounded in size and time, whoever reads it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from ruster.gateway.access.head import Head
from ruster.gateway.incoming import Receive
from ruster.gateway.refusal import Refusal

__all__ = ["BoundedBody"]

_DRAIN_BYTES = 256 * 1024
_DRAIN_S = 2.0


class BoundedBody:
    """ASGI's ``receive``, with limits. ``complete`` says that all of the body was read."""

    def __init__(self, receive: Receive, head: Head, limit_bytes: int, patience_s: float) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._taken = 0
        self._until: float | None = None
        length = head.one(b"content-length")
        self.complete = length in (None, "0") and not head.all(b"transfer-encoding")
        self._told = int(length) if length is not None and length.isdecimal() else 0

    def check(self) -> None:
        """Raise ``Refusal`` with 413 for a body that says that it is too large."""
        if self._told > self._limit_bytes:
            raise self._too_large()

    async def __call__(self) -> MutableMapping[str, Any]:
        """Return the next message; raises ``Refusal`` with 408 or 413."""
        if self.complete:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._patience_s
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            sentence = f"the body did not come within {self._patience_s:g} seconds"
            raise Refusal(408, "request_timeout", sentence) from error
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit_bytes:
                raise self._too_large()
            self.complete = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read a little more of what nobody wants, so that the client gets to read its answer."""
        left = _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self.complete and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            "request_too_large",
            f"a body may have {self._limit_bytes} bytes: send less, or raise max_body_bytes in "
            "[gateway]",
        )
