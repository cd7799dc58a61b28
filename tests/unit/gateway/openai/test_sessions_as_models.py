"""Sessions where a model's name is expected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from ruster.core.inference import Complete, Content, InferenceEvent
from ruster.core.messages import Message
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.identity import Identity
from ruster.gateway.openai import chat
from ruster.gateway.openai.routes import routes
from ruster.gateway.settings import GatewaySettings
from ruster.llm.router import Models
from ruster.testing import ManualClock, ScriptedProvider

HELLO = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes?"}]
UID = 7


class Turns:
    """Answers with who asked what where."""

    async def stream(
        self, uid: int, session_id: str, message: Message
    ) -> AsyncIterator[InferenceEvent]:
        if session_id == "slow":
            await asyncio.sleep(0.2)
        yield Content(f"{uid} {session_id} {message.content}{len(message.images) or ''}")
        yield Complete()

    async def sessions(self, uid: int) -> Sequence[str]:
        return [f"of-{uid}"]


class Engine:
    """Has no local models."""

    async def unload(self) -> str:
        return "nothing was loaded"


async def no_counts() -> dict[str, float]:
    return {}


def parts(turns: Turns | None) -> ApiParts:
    models = Models({"scripted": ScriptedProvider})
    return ApiParts(
        settings=GatewaySettings(),
        models=models,
        reading=models,
        default_model=lambda: "scripted/any",
        full_name=lambda name: name,
        engine=Engine(),
        clock=ManualClock(),
        socket_url="ws://localhost",
        counts=no_counts,
        agents=turns,
    )


def client(turns: Turns | None) -> httpx.AsyncClient:
    return client_of(routes(parts(turns)))


def client_of(served: list[BaseRoute]) -> httpx.AsyncClient:
    app = Starlette(routes=served)

    async def known(scope: Any, receive: Any, send: Any) -> None:
        state = {"identity": Identity(UID, "g-1", privileged=False)}
        await app({**scope, "state": state}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(known), base_url="http://house")


async def test_a_session_answers_the_last_thing_a_user_said() -> None:
    async with client(Turns()) as http:
        body: dict[str, Any] = {"model": "agent/trip", "messages": HELLO}
        answer = (await http.post("/v1/chat/completions", json=body)).json()
        assert answer["choices"][0]["message"]["content"] == f"{UID} trip hello"
        assert answer["model"] == "agent/trip"
        stream = (await http.post("/v1/chat/completions", json=body | {"stream": True})).text
        said = [json.loads(it[6:]) for it in stream.split("\n\n") if it.startswith("data: {")]
        texts = [it["choices"][0]["delta"].get("content", "") for it in said]
        assert "".join(texts) == f"{UID} trip hello"
        answer = (
            await http.post("/v1/responses", json={"model": "agent/trip", "input": "x"})
        ).json()
        assert answer["output"][0]["content"][0]["text"] == f"{UID} trip x"


async def test_pictures_reach_the_session() -> None:
    url = "data:image/png;base64,iVBORw0KGgo="
    said = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
    async with client(Turns()) as http:
        body = {"model": "agent/trip", "messages": [{"role": "user", "content": said}]}
        answer = (await http.post("/v1/chat/completions", json=body)).json()
    assert answer["choices"][0]["message"]["content"] == f"{UID} trip look1"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "agent/../up"}, 400),
        ({"model": "agent/"}, 400),
        ({"messages": [{"role": "system", "content": "x"}]}, 400),
    ],
)
async def test_what_no_session_can_answer(fields: dict[str, Any], status: int) -> None:
    async with client(Turns()) as http:
        body = {"model": "agent/trip", "messages": HELLO, **fields}
        for stream in (False, True):
            reply = await http.post("/v1/chat/completions", json={**body, "stream": stream})
            assert (reply.status_code, "error" in reply.json()) == (status, True)


async def test_where_there_are_no_sessions() -> None:
    async with client(None) as http:
        body = {"model": "agent/trip", "messages": HELLO}
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 404
        assert (await http.get("/v1/models/agent/of-7")).status_code == 404


async def test_sessions_are_listed_for_their_owner() -> None:
    async with client(Turns()) as http:
        listed = (await http.get("/v1/models")).json()["data"]
        assert [it["id"] for it in listed] == ["scripted/any", "agent/of-7"]
        assert (await http.get("/v1/models/agent/of-7")).json()["owned_by"] == "ruster"


async def test_a_caller_gets_nothing_that_is_not_said_to_be_here() -> None:
    async with client(None) as http:
        body = {"model": "scripted/any", "messages": HELLO}
        reply = await http.post("/v1/chat/completions", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "not_permitted")


async def test_silence_before_an_answer_is_filled_with_comments() -> None:
    async with client_of(chat.routes(parts(Turns()), heartbeat_s=0.01)) as http:
        body = {"model": "agent/slow", "messages": HELLO, "stream": True}
        told = (await http.post("/v1/chat/completions", json=body)).text
    assert told.startswith(": ping\n\n")
    assert f"{UID} slow hello" in told
    assert told.endswith("data: [DONE]\n\n")
