"""The door of the gateway: nothing comes to a route that it has not let in.

An ASGI application around another. It checks each request and WebSocket, says whose it is
(``request.state.identity``), and ends it when its token ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from ruster.core.clock import Clock
from ruster.gateway.access.answering import Answering, Send
from ruster.gateway.access.bounds import BoundedBody
from ruster.gateway.access.head import Head, read_head
from ruster.gateway.access.proof import Cookie, check_own_page, shown_token, unauthorized
from ruster.gateway.access.tokens import Token, TokenBook
from ruster.gateway.identity import Identity
from ruster.gateway.incoming import Receive
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import GatewaySettings

__all__ = ["App", "Check", "Door", "DoorParts", "Scope"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_SHOWN_PATH_CHARS = 200

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Check = Callable[[Head], None]
"""Looks at the head of a request; raises ``Refusal``."""


@dataclass(frozen=True, slots=True)
class DoorParts:
    """What the door asks. ``checks`` come first, for everybody; ``is_public`` says what needs no
    token; ``privileged`` are the uids that may do everything."""

    settings: GatewaySettings
    checks: Sequence[Check]
    is_public: Callable[[Head], bool]
    tokens: TokenBook
    cookie: Cookie
    privileged: frozenset[int]
    clock: Clock


class Door:
    """Lets requests in, or refuses them."""

    def __init__(self, app: App, parts: DoorParts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        head, settings = read_head(scope), self._parts.settings
        body = None
        if not head.upgrade:
            body = BoundedBody(receive, head, settings.max_body_bytes, settings.body_timeout_s)
        answering = Answering(send, body)
        began = self._parts.clock.monotonic()
        try:
            await self._enter(scope, body or receive, answering, head)
        except Refusal as refused:
            await answering.refuse(refused)
        except Exception:  # noqa: BLE001 - the boundary: nothing of it is shown
            _log.exception("request failed", path=head.path[:_SHOWN_PATH_CHARS])
            sentence = "something in ruster itself failed; the log has the details"
            await answering.refuse(Refusal(500, "internal", sentence))
        finally:
            identity = scope.get("state", {}).get("identity")
            _log.info(
                "request",
                method="WebSocket" if head.upgrade else head.method,
                path=head.path[:_SHOWN_PATH_CHARS],
                status=answering.status,
                uid=None if identity is None else identity.uid,
                ms=round((self._parts.clock.monotonic() - began) * 1000),
            )

    async def _enter(
        self, scope: Scope, receive: Receive, answering: Answering, head: Head
    ) -> None:
        for check in self._parts.checks:
            check(head)
        if isinstance(receive, BoundedBody):
            receive.check()
        if self._parts.is_public(head):
            await self._app(scope, receive, answering)
            return
        token = self._token(head)
        scope.setdefault("state", {})["identity"] = Identity(
            token.uid, token.id, token.uid in self._parts.privileged
        )
        limit = asyncio.timeout(self._parts.tokens.left_s(token))
        try:
            async with limit:
                await self._while_valid(token, limit, scope, receive, answering)
        except TimeoutError:
            if limit.expired():
                raise unauthorized() from None
            raise

    async def _while_valid(
        self,
        token: Token,
        limit: asyncio.Timeout,
        scope: Scope,
        receive: Receive,
        answering: Answering,
    ) -> None:
        """Run the application; a revoked token ends it at once."""

        def end() -> None:
            if not limit.expired():
                limit.reschedule(0)

        forget = self._parts.tokens.watch(token.id, end)
        try:
            await self._app(scope, receive, answering)
        finally:
            forget()

    def _token(self, head: Head) -> Token:
        tokens = self._parts.tokens
        shown = shown_token(head, self._parts.cookie)
        if shown.by_browser:
            check_own_page(head)
        token = tokens.find(shown.text)
        if token is None:
            raise unauthorized()
        most = self._parts.settings.max_streams_per_token
        if tokens.open_count(token.id) >= most:
            raise Refusal(
                429, "too_many_streams", f"{most} requests of this token are under way; end some"
            )
        return token
