"""One HTTP connection and what a WebSocket makes of it: the HTTP server's, with bounds it lacks.

A head must come in time, however slowly; a client that reads nothing is cut off; what cannot be
read is answered with the right status.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from ruster.gateway.front.crowd import Crowd
from ruster.gateway.front.stall import StallWatch, bound_unacknowledged
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import GatewaySettings

__all__ = ["FrontState", "HttpConnection", "SocketConnection"]

_PLAIN: list[tuple[bytes, bytes]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"connection", b"close"),
]
_UNREADABLE = {
    431: Refusal(431, "head_too_large", "the head of the request is too large"),
    501: Refusal(501, "unknown_coding", "the body comes in a coding that is not understood"),
}
_BAD = Refusal(400, "invalid_request", "this is not HTTP as it should be")


class FrontState(ServerState):
    """What all connections share."""

    def __init__(self, settings: GatewaySettings, crowd: Crowd) -> None:
        super().__init__()
        self.settings = settings
        self.crowd = crowd
        self.socket_tasks: set[asyncio.Task[None]] = set()


class _Watched(asyncio.Protocol):
    """A connection that is cut when its client takes nothing for too long."""

    transport: asyncio.Transport
    _stall: StallWatch | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is not None:
            self._stall.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.resume()

    def cut(self) -> None:
        """End it at once."""
        self.transport.abort()


class HttpConnection(_Watched, H11Protocol):
    """One client."""

    def __init__(
        self,
        config: Config,
        server_state: FrontState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._state = server_state
        self._address = ""
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        settings = self._state.settings
        bound_unacknowledged(transport, settings.stall_timeout_s)
        self._stall = StallWatch(transport, settings.stall_timeout_s)
        admitted = self._state.crowd.admit(self, self._address)
        self._await_head()
        if not admitted:
            self._refuse(
                Refusal(503, "too_many_connections", "too many connections: close some, then again")
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        self._state.crowd.leave(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_timers()
        crowd = self._state.crowd
        crowd.leave(self, self._address)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read; called while its error is handled."""
        error = sys.exc_info()[1]
        self._refuse(_UNREADABLE.get(getattr(error, "error_status_hint", 400), _BAD))

    def _look(self) -> None:
        """Note whether a request is under way; if not, its head must come in time."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            self._state.crowd.waits(self, self._address)
            if self.timeout_keep_alive_task is None and self._head_timer is None:
                self._await_head()
        else:
            self._state.crowd.works(self)
            self._stop_head_timer()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(
            self._state.settings.head_timeout_s,
            self._refuse,
            Refusal(408, "request_timeout", "the head of the request did not come in time"),
        )

    def _refuse(self, refusal: Refusal) -> None:
        self._stop_head_timer()
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = refusal.body()
            headers = [*_PLAIN, (b"content-length", str(len(body)).encode())]
            answer = h11.Response(status_code=refusal.status, headers=headers)
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(cast(h11.Event, event)) or b"")
        self.transport.close()

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        if self._stall is not None:
            self._stall.resume()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class SocketConnection(_Watched, WebSocketsSansIOProtocol):
    """One client's WebSocket."""

    def __init__(
        self,
        config: Config,
        server_state: FrontState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.tasks = server_state.socket_tasks
        self._state = server_state
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._stall = StallWatch(self.transport, self._state.settings.stall_timeout_s)
        self._state.crowd.admit(self, self._address)
        self._state.crowd.works(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stall is not None:
            self._stall.resume()
        self._state.crowd.leave(self, self._address)
        super().connection_lost(exc)
