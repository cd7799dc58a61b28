"""A small web server between a browser and the daemon's socket, for tests of the page.

It serves the page under the strictest policy it must bear, pipes ``/ws`` to the socket, a line a
message, and answers ``/v1/models``. ``stand_ins`` answer commands in the daemon's place.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ruster.client import Client
from ruster.core.errors import RusterError
from ruster.core.tasks import spawn

__all__ = ["PAGE", "PageBridge", "policy_of"]

PAGE = Path(__file__).resolve().parents[2] / "src" / "ruster" / "gateway" / "page" / "index.html"
_LINE_BYTES = 1 << 24


def policy_of(page: str) -> str:
    """Return the policy under which only what the page itself holds is run."""

    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = (hashlib.sha256(text.encode()).digest() for text in found)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


class PageBridge:
    """``async with PageBridge(socket) as bridge``; ``stop`` and ``start`` break the connection."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0
        self.locked = False
        self.refuses_early = False
        self.commands: list[dict[str, Any]] = []
        self.stand_ins: dict[str, list[dict[str, Any]]] = {}
        self.lose_after: str | None = None
        """Break off each connection right after a command of this action was passed on."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> PageBridge:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Serve, on the same port as before if there was one."""
        routes = [
            Route("/", self._page),
            Route("/v1/models", self._models),
            WebSocketRoute("/ws", self._pipe),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=_LINE_BYTES,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._serving = spawn(self._server.serve(), name="page bridge")
        while not self._server.started:
            assert not self._serving.done(), "the bridge could not start"
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections and free the port."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None

    async def _page(self, request: Request) -> Response:
        page = PAGE.read_text(encoding="utf-8")
        headers = {
            "content-security-policy": policy_of(page),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
        }
        return HTMLResponse(page, headers=headers)

    async def _models(self, request: Request) -> Response:
        if self.locked:
            return JSONResponse({"error": {"message": "not signed in"}}, status_code=401)
        try:
            async with Client(self._socket_path) as client:
                models = [str(it["id"]) for it in (await client.models()).models]
        except RusterError:
            return JSONResponse({"error": {"message": "no daemon"}}, status_code=503)
        data = [{"id": name, "object": "model", "purpose": "Inference"} for name in models]
        return JSONResponse({"object": "list", "data": data})

    async def _pipe(self, websocket: WebSocket) -> None:
        if self.locked and self.refuses_early:
            await websocket.close()  # before it was taken: the answer is an HTTP status
            return
        await websocket.accept()
        if self.locked:
            await websocket.close(4401)
            return
        try:
            reader, writer = await asyncio.open_unix_connection(
                str(self._socket_path), limit=_LINE_BYTES
            )
        except OSError:
            await websocket.close(1013)
            return
        down = spawn(self._pass_down(reader, websocket), name="page bridge, down")
        try:
            await self._pass_up(websocket, writer)
        finally:
            writer.close()
            down.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await down

    async def _pass_up(self, websocket: WebSocket, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                text = await websocket.receive_text()
            except (WebSocketDisconnect, RuntimeError):
                return
            command = json.loads(text)
            self.commands.append(command)
            if (answers := self.stand_ins.get(command["action"])) is not None:
                for answer in answers:
                    await websocket.send_text(json.dumps(answer | {"id": command["id"]}))
                continue
            writer.write(text.encode() + b"\n")
            await writer.drain()
            if command["action"] == self.lose_after:
                self.lose_after = None
                await websocket.close(1012)
                return

    async def _pass_down(self, reader: asyncio.StreamReader, websocket: WebSocket) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            with suppress(OSError):
                while line := await reader.readline():
                    await websocket.send_text(line.decode().rstrip("\n"))
            await websocket.close(1012)
