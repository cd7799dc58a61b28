"""``POST /v1/responses``: what current clients use of OpenAI's Responses API."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.errors import RusterError
from ruster.core.inference import InferenceEvent
from ruster.core.messages import Message
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.parsing import parse
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import while_here
from ruster.gateway.identity import Identity
from ruster.gateway.openai.asking import Asker
from ruster.gateway.openai.merging import gathered, merged
from ruster.gateway.openai.response_request import ResponseBody, inference_of, messages_of
from ruster.gateway.openai.response_store import ResponseStore
from ruster.gateway.openai.response_writer import ResponseWriter
from ruster.gateway.openai.stream import HEARTBEAT, EventStream

__all__ = ["routes"]

_Events = AsyncGenerator[InferenceEvent, None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A response to be made; ``keep`` is called once it is there."""

    writer: ResponseWriter
    events: _Events
    keep: Callable[[], None]


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the route of responses, which share one store."""
    store = ResponseStore()

    async def respond(request: Request) -> Response:
        identity: Identity = request.state.identity
        body = parse(ResponseBody, await request.body())
        before: tuple[Message, ...] = ()
        if body.previous_response_id is not None:
            before = store.get(identity.uid, body.previous_response_id)
        asker = Asker(parts, identity)
        model = await asker.model(body.model)
        said = (*before, *messages_of(body, before))
        inference = inference_of(body, model, said)
        writer = ResponseWriter(body, model, parts.clock)

        def keep() -> None:
            if body.store is not False:
                store.put(identity.uid, writer.id, (*said, writer.message()))

        asked = _Asked(writer, asker.stream(inference, must_call=body.must_call), keep)
        if body.stream:
            return EventStream(_streamed(asked), lambda error: _failure(writer, error))
        return Json(await while_here(request.receive, _whole(asked)))

    return [Route("/v1/responses", told(respond), methods=["POST"])]


async def _whole(asked: _Asked) -> dict[str, Any]:
    (events,) = await gathered([asked.events])
    for event in events:
        for _ in asked.writer.take(event):
            pass
    asked.keep()
    return asked.writer.shape


async def _streamed(asked: _Asked) -> AsyncGenerator[bytes, None]:
    async with aclosing(merged([asked.events])) as items:
        async for item in items:
            if item is None:
                yield HEARTBEAT
                continue
            for told in asked.writer.take(item[1]):
                if told["type"] in ("response.completed", "response.incomplete"):
                    asked.keep()  # before the client can ask for more
                yield _sse(told)


def _failure(writer: ResponseWriter, error: RusterError) -> bytes:
    return b"".join(map(_sse, writer.fail(error)))


def _sse(event: dict[str, Any]) -> bytes:
    data = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
    kind: str = event["type"]
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
