"""One request as it comes in: its body piece by piece, bounded, and its client leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

from ruster.gateway.headers import Headers, value_of, values_of
from ruster.gateway.refusal import Refusal

__all__ = ["ClientGone", "Incoming", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""ASGI's: the next message of a request."""


class ClientGone(Exception):
    """The client closed its connection."""


class Incoming:
    """The body of one request, read once. ``limit_bytes`` bounds it, ``patience_s`` its pauses."""

    def __init__(
        self, receive: Receive, headers: Headers, limit_bytes: int, patience_s: float
    ) -> None:
        self._complete = asyncio.Event()
        self._on_complete: Callable[[], object] | None = None
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        length = value_of(headers, b"content-length")
        self.has_body = bool(values_of(headers, b"transfer-encoding")) or length not in (None, b"0")
        if length is not None and (not length.isdigit() or int(length) > limit_bytes):
            raise self._too_large()
        if not self.has_body:
            self._complete.set()

    def when_complete(self, call: Callable[[], object]) -> None:
        """Call ``call`` once all of the body was read; at once if that is so already."""
        if self._complete.is_set():
            call()
        else:
            self._on_complete = call

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; raises ``Refusal`` with 408 or 413, or ``ClientGone``."""
        taken = 0
        more = True
        while more:
            message = await self._next()
            piece: bytes = message.get("body", b"")
            taken += len(piece)
            if taken > self._limit_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
            if not more:
                self._complete.set()
                if self._on_complete is not None:
                    self._on_complete()
            if piece:
                yield piece

    async def gone(self) -> None:
        """Return when the client has closed its connection; the body is waited for first."""
        await self._complete.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> MutableMapping[str, Any]:
        try:
            async with asyncio.timeout(self._patience_s):
                message = await self._receive()
        except TimeoutError as error:
            sentence = f"nothing of the request came for {self._patience_s:g} seconds"
            raise Refusal(408, "request_timeout", sentence) from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            "request_too_large",
            f"the request is larger than {self._limit_bytes} bytes: send less, or raise "
            "max_request_bytes in [proxy]",
        )
