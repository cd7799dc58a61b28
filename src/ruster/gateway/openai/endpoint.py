"""What all routes of OpenAI's API share: errors in its shape, event streams, clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import aclosing
from typing import Any, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ruster.core.errors import RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.incoming import Receive
from ruster.gateway.openai.failures import error_object, status_of
from ruster.protocol.intake import as_known

__all__ = ["HEARTBEAT", "EventStream", "answer_json", "endpoint", "failed", "while_here"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_T = TypeVar("_T")
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Handler = Callable[[Request], Awaitable[Response]]

HEARTBEAT = b": ping\n\n"
"""A comment: keeps what lies between us and the client from taking the connection for dead."""


def answer_json(value: object, status: int = 200) -> Response:
    """Answer with JSON; what cannot be written as UTF-8 becomes a question mark."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def failed(error: RusterError) -> Response:
    """Answer with an error."""
    return answer_json(error_object(error), status_of(error))


def endpoint(handle: _Handler) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Have what a handler raises answered in OpenAI's shape."""

    async def call(request: Request) -> Response:
        try:
            return await handle(request)
        except RusterError as error:
            return failed(error)

    return call


async def while_here(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what ``work`` returns; when the client leaves, end it and raise ClientDisconnect.

    The body of the request must have been read.
    """
    working = spawn(work, name="answer a request", log_failure=False)
    leaving = spawn(_gone(receive), name="watch a client", log_failure=False)
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await cancel_and_wait(working, leaving)


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
                await failed(error)(scope, receive, send)
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


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
