"""The way back to one client: what every answer carries, refusals, and what the log says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ruster.gateway.access.bounds import BoundedBody
from ruster.gateway.refusal import Refusal

__all__ = ["Answering", "Send"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
"""ASGI's: the next message of an answer."""
_Pairs = list[tuple[bytes, bytes]]

_ALWAYS: _Pairs = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_UNLESS_GIVEN: _Pairs = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_CLOSE = (b"connection", b"close")
_BY_STATUS: dict[int, _Pairs] = {
    400: [_CLOSE],  # where one request ends and the next begins is not certain any more
    431: [_CLOSE],
    401: [(b"www-authenticate", b"Bearer")],
    429: [(b"retry-after", b"1")],
}
_POLICY_VIOLATION = 1008
_FAULT = 1011


class Answering:
    """ASGI's ``send`` of one request or WebSocket; ``body`` is its body, None for a WebSocket."""

    def __init__(self, send: Send, body: BoundedBody | None) -> None:
        self._send = send
        self._body = body
        self.status = 0
        self._ended = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send a message, with what every answer carries."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message = {**message, "headers": self._completed(message.get("headers", ()))}
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close":
            self._ended = True
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, or break off what has begun."""
        if self.status:
            await self._break_off(refusal)
            return
        body = refusal.body()
        prefix = "http" if self._body is not None else "websocket.http"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *_BY_STATUS.get(refusal.status, ()),
        ]
        start = {"type": f"{prefix}.response.start", "status": refusal.status, "headers": headers}
        await self(start)
        end = {"type": f"{prefix}.response.body", "body": body, "more_body": False}
        if self._body is not None and not self._body.complete:
            await self._send({**end, "more_body": True})
            await self._body.drain()
            end["body"] = b""
        await self._send(end)

    async def _break_off(self, refusal: Refusal) -> None:
        """A WebSocket is told why; an answer without its end shows that something is missing."""
        if self._body is None and not self._ended:
            code = _FAULT if refusal.status >= 500 else _POLICY_VIOLATION
            await self._send({"type": "websocket.close", "code": code, "reason": refusal.code})

    def _completed(self, headers: Any) -> _Pairs:
        given: _Pairs = [(name.lower(), value) for name, value in headers]
        names = {name for name, _ in given}
        pairs = given + _ALWAYS + [it for it in _UNLESS_GIVEN if it[0] not in names]
        if self._body is not None and not self._body.complete:
            pairs.append(_CLOSE)  # its rest is nobody's next request
        return pairs
