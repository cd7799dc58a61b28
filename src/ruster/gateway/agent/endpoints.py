"""The routes of the agent's interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.errors import SessionError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.agent.fields import command_of
from ruster.gateway.agent.table import TABLE, Entry
from ruster.gateway.agent.turns import TurnFilter, WholeTurn, sse
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.client import HttpClient, Line, ask
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import Streamed, while_here

__all__ = ["routes"]

_SSE = "text/event-stream"
_SESSION = {"id": "session_id"}
_MAX_SEQ_DIGITS = 16

Handler = Callable[[Request], Awaitable[Response]]
Wanted = Callable[[HttpClient, Line], bool]


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the routes."""
    agent = _Agent(parts)
    made: list[BaseRoute] = [
        Route(entry.path, told(agent.once(entry)), methods=[entry.method]) for entry in TABLE
    ]
    return [
        *made,
        Route("/v1/sessions/{id}/messages", told(agent.message), methods=["POST"]),
        Route("/v1/sessions/{id}/events", told(agent.events), methods=["GET"]),
    ]


class _Agent:
    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def once(self, entry: Entry) -> Handler:
        """Return what answers a request with the one reply of its command."""

        async def answer(request: Request) -> Response:
            client = self._client(request)
            command = await command_of(request, entry.action, entry.names, body=entry.body)
            if command.get("watch") is not None and entry.action == "approval_list":
                raise InvalidRequest("watch: that takes a WebSocket; leave it out", "watch")
            reply = await while_here(request.receive, ask(client, command))
            return Json(reply, entry.status)

        return answer

    async def message(self, request: Request) -> Response:
        """Say something in a session; its turn goes on whoever leaves."""
        client = self._client(request, TurnFilter())
        command = await command_of(request, "send", _SESSION, body=True, apart=("stream",))
        stream = _flag(request, "stream")
        giving = spawn(_all(client, command), name="HTTP message", log_failure=False)
        if stream:
            return await self._stream(request, client, giving)
        whole = WholeTurn()
        try:
            await while_here(request.receive, _gather(client, whole))
        finally:
            await _leave(client, giving)
        error = whole.error() or client.refusal()
        if error is not None:
            raise error
        return Json(whole.whole(command["session_id"]))

    async def events(self, request: Request) -> Response:
        """Follow a session, from an event on."""
        client = self._client(request, _everything)
        command = await command_of(request, "attach", _SESSION)
        last = request.headers.get("last-event-id", "").strip()
        if last:
            if not (last.isascii() and last.isdigit() and len(last) <= _MAX_SEQ_DIGITS):
                raise InvalidRequest("Last-Event-ID: not the id of an event", "Last-Event-ID")
            command["since"] = int(last)
        giving = spawn(client.give(command), name="HTTP events", log_failure=False)
        return await self._stream(request, client, giving)

    async def _stream(
        self, request: Request, client: HttpClient, giving: asyncio.Task[None]
    ) -> Response:
        """Answer with the client's events, once it is sure that it is not refused."""

        async def close() -> None:
            await _leave(client, giving)

        try:
            await while_here(request.receive, _heard(client))
            refused = client.refusal()
            if refused is not None:
                raise refused
        except BaseException:
            await close()
            raise
        return Streamed(_events(client), _SSE, close)

    def _client(self, request: Request, wanted: Wanted | None = None) -> HttpClient:
        if self._parts.dispatch is None:
            raise SessionError(
                "there are only models here, no sessions: start the daemon (ruster) and ask it",
                code="no_daemon",
            )
        limit = self._parts.settings.max_unread_bytes
        return HttpClient(request.state.identity, self._parts.dispatch, limit, wanted)


async def _all(client: HttpClient, command: Mapping[str, Any]) -> None:
    """Give a command and end the client's events with it."""
    await client.give(command)
    await client.ended()
    client.finish()


async def _heard(client: HttpClient) -> None:
    await client.heard.wait()


async def _leave(client: HttpClient, giving: asyncio.Task[None]) -> None:
    await client.aclose()
    await cancel_and_wait(giving)


async def _gather(client: HttpClient, whole: WholeTurn) -> None:
    async with aclosing(client.outbox.lines()) as lines:
        async for line in lines:
            whole.take(from_json(line))


async def _events(client: HttpClient) -> AsyncGenerator[bytes, None]:
    async with aclosing(client.outbox.lines()) as lines:
        async for line in lines:
            event: Line = from_json(line)
            yield sse(line, event)
            if event["event"] == "deleted":
                return


def _everything(client: HttpClient, event: Line) -> bool:
    """All that comes belongs to the session that is followed."""
    return True


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "true").lower()
    if text not in ("true", "false", "1", "0"):
        raise InvalidRequest(f"{name}: true or false", name)
    return text in ("true", "1")
