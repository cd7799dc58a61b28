"""The LLM proxy of ``proxy.md`` as an ASGI application: one request in, one request out.

Bodies pass through byte for byte, as they come. When the client leaves, the connection behind it is
closed; when the service breaks off, the client's is, so that it sees that something is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from ruster.core.clock import Clock
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.guard import Guard
from ruster.gateway.headers import passed_down
from ruster.gateway.incoming import ClientGone, Incoming, Receive
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import ProxySettings
from ruster.gateway.target import Target, find_target
from ruster.gateway.upstream import Answer, Asked, Upstream, ask

__all__ = ["Proxy"]

_log = structlog.stdlib.get_logger("ruster.proxy")
_HEAD_LIMIT_BYTES = 32 * 1024
_SHOWN_PATH_CHARS = 200
_CLIENT_GONE = 499

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Told:
    """What the log says of one request."""

    status: int = 0
    size_bytes: int = 0
    code: str | None = None


class Proxy:
    """Passes requests on to ``upstreams``, by the first part of their path.

    ``client`` stays the caller's to close.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        guard: Guard,
        settings: ProxySettings,
        client: httpx.AsyncClient,
        clock: Clock,
    ) -> None:
        self._upstreams = upstreams
        self._guard = guard
        self._settings = settings
        self._client = client
        self._clock = clock
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started, told = self._clock.monotonic(), _Told()
        self._under_way += 1
        try:
            await self._serve(scope, receive, _Outgoing(send, told))
        except Refusal as refusal:
            told.code = refusal.code
            if not told.status:
                told.status = refusal.status
                await _refuse(send, refusal)
        except ClientGone:
            told.status = told.status or _CLIENT_GONE
            told.code = "client_gone"
        except Exception:  # noqa: BLE001 - the boundary: a fault of ours is one answer and one line
            _log.exception("a fault in the proxy")
            told.code = "internal"
            if not told.status:
                told.status = 500
                await _refuse(send, Refusal(500, "internal", "a fault in the proxy; see its log"))
        finally:
            self._under_way -= 1
            _log.info(
                "request",
                method=scope["method"],
                path=scope["raw_path"].decode("ascii", "replace")[:_SHOWN_PATH_CHARS],
                status=told.status,
                answer_bytes=told.size_bytes,
                ms=round((self._clock.monotonic() - started) * 1000),
                **({"code": told.code} if told.code else {}),
            )

    async def _serve(self, scope: Scope, receive: Receive, outgoing: _Outgoing) -> None:
        headers = list(scope["headers"])
        if sum(len(name) + len(value) for name, value in headers) > _HEAD_LIMIT_BYTES:
            sentence = f"the headers are larger than {_HEAD_LIMIT_BYTES} bytes"
            raise Refusal(431, "head_too_large", sentence)
        self._guard.check(headers)
        if self._under_way > self._settings.max_requests:
            raise Refusal(503, "proxy_busy", "too many requests at once: try again a little later")
        target = find_target(scope["raw_path"], scope["query_string"], self._upstreams)
        incoming = Incoming(
            receive, headers, self._settings.max_request_bytes, self._settings.read_timeout_s
        )
        asked = Asked(scope["method"], target, headers, incoming)
        await _until_gone(incoming, self._pass_on(target, asked, outgoing))

    async def _pass_on(self, target: Target, asked: Asked, outgoing: _Outgoing) -> None:
        upstream = self._upstreams[target.prefix]
        async with ask(self._client, upstream, asked, self._settings) as answer:
            await outgoing.pass_down(answer)


class _Outgoing:
    """The answer on its way to the client."""

    def __init__(self, send: Send, told: _Told) -> None:
        self._send = send
        self._told = told

    async def pass_down(self, answer: Answer) -> None:
        """Send head and body; what breaks off before its end gets no end here either."""
        self._told.status = answer.status
        await self._send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": passed_down(answer.headers),
            }
        )
        async for piece in answer.pieces:
            self._told.size_bytes += len(piece)
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})


async def _until_gone(incoming: Incoming, work: Awaitable[None]) -> None:
    """Run ``work``; raises ``ClientGone``, with the work cancelled, when the client leaves."""

    async def run() -> None:
        await work

    working = spawn(run(), name="pass a request on", log_failure=False)
    leaving = spawn(incoming.gone(), name="watch a client")
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        working.result()
    finally:
        await cancel_and_wait(working, leaving)


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = refusal.body()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
