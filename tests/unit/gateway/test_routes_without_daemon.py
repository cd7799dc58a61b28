"""The interfaces where there are only models: real ones, behind an ASGI application."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.routing import Router

from ruster.core.clock import SystemClock
from ruster.core.orchestration import ModelState
from ruster.engine.status import ModelStatus
from ruster.gateway.agent import endpoints as agent
from ruster.gateway.agent.table import TABLE
from ruster.gateway.api import ops
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.identity import Identity
from ruster.gateway.ollama import endpoints as ollama
from ruster.gateway.settings import GatewaySettings
from ruster.llm.pinky import PinkyProvider
from ruster.llm.router import Models

URL = "http://gateway"


class Engine:
    """Counts how often it gave its memory back."""

    unloads = 0

    async def unload(self) -> str:
        self.unloads += 1
        return "done"


class WatchedEngine(Engine):
    """Tells its models."""

    def loaded(self) -> Sequence[ModelStatus]:
        return (
            ModelStatus("/m/big.gguf", ModelState.LOADED, 4096, 77),
            ModelStatus("/m/gone.gguf", ModelState.UNLOADED),
        )


class Letters(PinkyProvider):
    """Reads letters as tokens."""

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        return [*[0] * special, *map(ord, f"{model}:{text}")]


async def no_counts() -> dict[str, float]:
    return {"ruster_uptime_seconds": 1.5}


def client_of(engine: Engine | None = None, *, privileged: bool = True) -> httpx.AsyncClient:
    """Return a client of the routes."""
    models = Models({"pinky": PinkyProvider, "letters": Letters})
    parts = ApiParts(
        settings=GatewaySettings(),
        models=models,
        reading=models,
        default_model=lambda: "pinky/echo",
        full_name=lambda name: name if "/" in name else f"pinky/{name}",
        engine=engine or Engine(),
        clock=SystemClock(),
        socket_url="ws://here:1",
        counts=no_counts,
    )
    router = Router([*ollama.routes(parts), *ops.routes(parts), *agent.routes(parts)])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["identity"] = Identity(7, "t", privileged)
        await router(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)


@pytest.mark.parametrize("entry", TABLE, ids=lambda it: f"{it.method} {it.path}")
async def test_there_are_no_sessions_and_the_answer_says_why(entry: Any) -> None:
    async with client_of() as client:
        answer = await client.request(entry.method, entry.path.replace("{id}", "a"), json={})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "no_daemon"
        assert "start the daemon" in answer.json()["error"]["message"]


async def test_models_answer() -> None:
    async with client_of() as client:
        body = {"model": "echo", "prompt": "hi", "stream": False}
        assert (await client.post("/api/generate", json=body)).json()["response"] == "hi"
        answer = await client.post("/api/generate", json=body | {"stream": True})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["response"] for line in lines] == ["hi", ""]
        assert answer.headers["content-type"] == "application/x-ndjson"


async def test_named_values_are_kept_in_memory() -> None:
    async with client_of() as client:
        for command, result in (
            ({"Set": {"key": "a", "value": "1"}}, {"type": "ack"}),
            ({"Get": {"key": "a"}}, {"type": "value", "value": "1"}),
        ):
            body = {"messages": [{"role": "user", "content": json.dumps(command)}]}
            told = (await client.post("/v1/context", json=body)).json()
            assert json.loads(told["choices"][0]["message"]["content"]) == result


async def test_models_in_memory_are_told_by_name() -> None:
    async with client_of(WatchedEngine()) as client:
        told = (await client.get("/api/ps")).json()["models"]
        assert [(it["name"], it["size"], it["context_length"]) for it in told] == [
            ("llamacpp/big", 77, 4096)
        ]
    async with client_of() as client:
        assert (await client.get("/api/ps")).json() == {"models": []}


async def test_tokens_are_told_by_a_provider_that_can() -> None:
    async with client_of() as client:
        told = (await client.post("/tokenize", json={"content": "x", "model": "letters/a"})).json()
        assert told == {"tokens": [*map(ord, "a:x")], "count": 3}
        body = {"prompt": "x", "model": "letters/a", "add_special": True}
        assert (await client.post("/tokenize", json=body)).json()["tokens"] == [0, *map(ord, "a:x")]
        answer = await client.post("/tokenize", json={"prompt": "x"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_supported")
        for wrong in (
            {},
            {"content": 5},
            {"content": "x", "add_special": "perhaps"},
            {"content": "x" * (2**20 + 1)},
        ):
            assert (await client.post("/tokenize", json=wrong)).status_code == 400


async def test_only_the_privileged_bring_a_model_here_to_tell_tokens() -> None:
    async with client_of(privileged=False) as client:
        answer = await client.post("/tokenize", json={"content": "x", "model": "letters/a"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted")


async def test_only_the_privileged_reset_and_watch() -> None:
    engine = Engine()
    async with client_of(engine, privileged=False) as client:
        assert (await client.post("/v1/engine/reset")).status_code == 403
        assert (await client.get("/metrics")).status_code == 403
        assert engine.unloads == 0
    async with client_of(engine) as client:
        assert (await client.post("/v1/engine/reset")).text == "Engine reset"
        assert engine.unloads == 1
        metrics = await client.get("/metrics")
        assert metrics.text == "# TYPE ruster_uptime_seconds gauge\nruster_uptime_seconds 1.5\n"
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
