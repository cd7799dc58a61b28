"""Answers that come piece by piece, and end with the client: whoever leaves costs nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.access.answering import Send
from ruster.gateway.incoming import Receive

__all__ = ["Streamed", "while_here"]

_T = TypeVar("_T")


class Streamed(Response):
    """Sends what ``pieces`` yields. ``close`` is called at the end, whatever the end was."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        media_type: str,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"
        self._pieces = pieces
        self._close = close

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until all is said or the client has gone."""
        sending = spawn(self._send(send), name="HTTP stream", log_failure=False)
        leaving = spawn(_gone(receive), name="HTTP client", log_failure=False)
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            done = [task for task in (sending, leaving) if task.done()]
            await cancel_and_wait(sending, leaving)
            await self._close()
        for task in done:
            task.result()

    async def _send(self, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            start = {"type": "http.response.start", "status": self.status_code}
            await send({**start, "headers": self.raw_headers})
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def while_here(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what comes of ``work``, and end it when the client leaves (``ClientDisconnect``).

    The body must have been read.
    """
    working = spawn(work, name="HTTP request", log_failure=False)
    leaving = spawn(_gone(receive), name="HTTP client", log_failure=False)
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await cancel_and_wait(working, leaving)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
