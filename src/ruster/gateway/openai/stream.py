"""Server-sent events as OpenAI's clients read them, errors among them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

import structlog
from starlette.responses import Response

from ruster.core.errors import RusterError
from ruster.gateway.api.answers import failure
from ruster.gateway.api.streaming import while_here
from ruster.gateway.incoming import Receive
from ruster.protocol.intake import as_known

__all__ = ["HEARTBEAT", "EventStream"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEARTBEAT = b": ping\n\n"
"""A comment: keeps what lies between us and the client from taking the connection for dead."""


class EventStream(Response):
    """Server-sent events, as they are made. What fails before the first is an ordinary error.

    ``failure`` writes what fails later, as the last event.
    """

    media_type = "text/event-stream"

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], failure: Callable[[RusterError], bytes]
    ) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._failure = failure

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: _Send
    ) -> None:
        """Serve it until its end, or until the client leaves."""
        await while_here(receive, self._serve(scope, receive, send))

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: _Send) -> None:
        async with aclosing(self._pieces) as pieces:
            try:
                first = await anext(pieces, b"")
            except RusterError as error:
                await failure(error)(scope, receive, send)
                return
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in self._rest(pieces):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _rest(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in pieces:
                yield piece
        except RusterError as error:
            yield self._failure(error)
        except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours is an event
            _log.exception("an answer failed")
            yield self._failure(as_known(error))
