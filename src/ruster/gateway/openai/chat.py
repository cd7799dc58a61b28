"""``POST /v1/chat/completions``: one answer or several, whole or as a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.clock import Clock
from ruster.core.ids import new_id
from ruster.core.inference import InferenceEvent, InferenceRequest, Notice
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.failures import InvalidRequest, error_object
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import while_here
from ruster.gateway.openai.answer import DONE, ChunkStream, completion, sse
from ruster.gateway.openai.asking import Asker
from ruster.gateway.openai.merging import HEARTBEAT_S, gathered, merged
from ruster.gateway.openai.notices import NOTICE_HEADER, comment, notices_of
from ruster.gateway.openai.request import ChatRequest, read_open_request
from ruster.gateway.openai.stream import HEARTBEAT, EventStream
from ruster.gateway.openai.usage import joined_usage

__all__ = ["routes"]

_Events = AsyncGenerator[InferenceEvent, None]


def routes(parts: ApiParts, *, heartbeat_s: float = HEARTBEAT_S) -> list[BaseRoute]:
    """Return the route of chats; a stream that is silent for so long says that it is there."""

    async def chat(request: Request) -> Response:
        asker = Asker(parts, request.state.identity)
        asked = read_open_request(await request.body())
        model = await asker.model(asked.inference.model)
        inference = dataclasses.replace(asked.inference, model=model)
        if asked.must_call and not inference.tools:
            raise InvalidRequest("tool_choice: there are no tools to choose from", "tool_choice")
        streams = [
            asker.stream(_seeded(inference, number), must_call=asked.must_call)
            for number in range(asked.choices)
        ]
        if asked.stream:
            items = merged(streams, heartbeat_s=heartbeat_s)
            pieces = _streamed(items, _writers(model, asked, parts.clock))
            return EventStream(pieces, lambda error: sse(error_object(error)))
        events = await while_here(request.receive, gathered(streams))
        answer = Json(_whole(events, model, parts.clock))
        if notices := notices_of(it for answered in events for it in answered):
            answer.headers[NOTICE_HEADER] = notices
        return answer

    return [Route("/v1/chat/completions", told(chat), methods=["POST"])]


def _seeded(request: InferenceRequest, number: int) -> InferenceRequest:
    """Give each of several answers a seed of its own, or they would all be the same."""
    sampling = request.config.sampling
    if sampling.seed is None or number == 0:
        return request
    sampling = dataclasses.replace(sampling, seed=sampling.seed + number)
    return dataclasses.replace(
        request, config=dataclasses.replace(request.config, sampling=sampling)
    )


def _whole(events: Sequence[Sequence[InferenceEvent]], model: str, clock: Clock) -> dict[str, Any]:
    answers = [completion(model, answered, clock) for answered in events]
    choices = [it["choices"][0] | {"index": index} for index, it in enumerate(answers)]
    usage = joined_usage([it["usage"] for it in answers])
    return answers[0] | {"choices": choices, "usage": usage}


def _writers(model: str, asked: ChatRequest, clock: Clock) -> list[ChunkStream]:
    name, usage = new_id("chatcmpl"), asked.include_usage
    return [
        ChunkStream(model, clock, include_usage=usage, index=index, answer_id=name)
        for index in range(asked.choices)
    ]


async def _streamed(
    items: AsyncGenerator[tuple[int, InferenceEvent] | None, None],
    writers: Sequence[ChunkStream],
) -> AsyncGenerator[bytes, None]:
    """Write the chunks of all answers; what they took together comes once, after the last."""
    ends: list[dict[str, Any]] = []
    async with aclosing(items):
        async for item in items:
            if item is None:
                yield HEARTBEAT
                continue
            if isinstance(item[1], Notice):
                yield comment(item[1].message)
            for chunk in writers[item[0]].take(item[1]):
                if chunk["choices"]:
                    yield sse(chunk)
                else:
                    ends.append(chunk)
    if ends:
        yield sse(ends[-1] | {"usage": joined_usage([it["usage"] for it in ends])})
    yield DONE
