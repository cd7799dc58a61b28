"""The WebSocket endpoint: messages in, one after the other; lines out, as the client takes them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.identity import Identity
from ruster.gateway.ws.client import SocketClient, SocketParts

__all__ = ["SocketEndpoint"]

_UNSUPPORTED = 1003
_TRY_AGAIN_LATER = 1013


class SocketEndpoint:
    """Serves a WebSocket that the door has let in."""

    def __init__(self, parts: SocketParts) -> None:
        self._parts = parts

    async def serve(self, socket: WebSocket) -> None:
        """Serve until either side ends it."""
        identity: Identity = socket.state.identity
        await socket.accept()
        client = SocketClient(identity, self._parts)
        reading = spawn(_read(socket, client), name="WebSocket in", log_failure=False)
        writing = spawn(_write(socket, client), name="WebSocket out", log_failure=False)
        try:
            done, _ = await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await client.aclose()
            await cancel_and_wait(reading, writing)
        for task in done:
            await task
        code = reading.result() if reading in done else _TRY_AGAIN_LATER
        if code is not None:
            with suppress(WebSocketDisconnect):
                await socket.close(code)


async def _read(socket: WebSocket, client: SocketClient) -> int | None:
    """Take messages; return the code to close with, None if the client has gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if text is None:
            return _UNSUPPORTED
        await client.take(text)


async def _write(socket: WebSocket, client: SocketClient) -> None:
    try:
        await client.outbox.pump(socket.send_text)
    except WebSocketDisconnect:
        return
