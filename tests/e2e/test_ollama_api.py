"""Ollama's own client against a real daemon's gateway."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ollama
import pytest
from tests.e2e.gateway import Opened, Reply, opened

from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Role, ToolCall
from ruster.testing import ScriptedProvider

OTHER = 54321
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
NOT_FOUND = "model 'nobody' not found"
HELLO = [{"role": "user", "content": "hello"}]


@asynccontextmanager
async def client_of(gate: Opened, **token: Any) -> AsyncIterator[ollama.AsyncClient]:
    """Ollama's client with a token."""
    headers = {"Authorization": f"Bearer {await gate.token(**token)}"}
    client = ollama.AsyncClient(f"http://{gate.host}:{gate.port}", headers=headers, trust_env=False)
    async with client:
        yield client


async def post(gate: Opened, path: str, body: bytes) -> Reply:
    """Send a body as it is."""
    return await gate.ask(path, method="POST", token=await gate.token(), body=body)


async def test_a_chat_comes_in_pieces_and_whole(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        pieces = [it async for it in await client.chat("pinky/slow", HELLO, stream=True)]
        assert "".join(it.message.content or "" for it in pieces) == "hello"
        assert [it.done for it in pieces[:-1]] == [False] * (len(pieces) - 1)
        last = pieces[-1]
        assert (last.done, last.done_reason) == (True, "stop")
        assert (last.prompt_eval_count, last.eval_count) == (1, 1)
        assert last.total_duration is not None
        assert last.total_duration >= (last.eval_duration or 0) >= 0
        whole = await client.chat("pinky/echo", HELLO)
        assert whole.message.content == "hello"
        assert whole.model == "pinky/echo"


@pytest.mark.parametrize("name", ["echo", "echo:latest", "pinky/echo", "pinky/echo:latest"])
async def test_models_answer_to_their_short_names(folder: Path, name: str) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        whole = await client.generate(name, "hello", system="be brief")
        assert (whole.response, whole.model, whole.done_reason) == ("hello", name, "stop")


async def test_what_is_asked_reaches_the_model(folder: Path) -> None:
    scripted = ScriptedProvider()
    async with opened(folder, providers={"s": scripted}) as gate, client_of(gate) as client:
        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
        call = {"function": {"name": "look", "arguments": {"at": "sky"}}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "what is it", "images": [PNG]},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "blue", "tool_name": "look"},
        ]
        options = {
            "temperature": 0.1, "top_p": 0.5, "top_k": 3, "min_p": 0.2, "seed": 7,
            "num_predict": 9, "stop": ["x"], "num_ctx": 1024, "repeat_penalty": 1.2,
        }  # fmt: skip
        schema = {"type": "object", "properties": {"colour": {"type": "string"}}}
        await client.chat(
            "s/any", messages, tools=[tool], options=options, format=schema, think=False
        )
        asked = scripted.requests[0]
        assert asked.model == "any"
        assert [it.role for it in asked.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL]
        assert asked.messages[0].images[0].media_type == "image/png"
        assert asked.messages[2].tool_call_id == asked.messages[1].tool_calls[0].id
        assert [it.name for it in asked.tools] == ["look"]
        sampling, behaviour = asked.config.sampling, asked.config.behaviour
        assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.1, 0.5, 3)
        assert (sampling.min_p, sampling.seed, sampling.repetition_penalty) == (0.2, 7, 1.2)
        assert (behaviour.max_tokens, behaviour.stop) == (9, ("x",))
        assert (behaviour.context_size, behaviour.show_thinking) == (1024, False)
        assert behaviour.json_schema == schema


async def test_thoughts_calls_and_the_end_are_told(folder: Path) -> None:
    script = (
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("so"),
        ToolCallRequest(ToolCall("c1", "look", {"at": "sky"})),
        Usage(5, 3),
        Complete(FinishReason.LENGTH),
    )
    scripted = ScriptedProvider(script)
    async with opened(folder, providers={"s": scripted}) as gate, client_of(gate) as client:
        whole = await client.chat("s/any", HELLO)
        pieces = [it async for it in await client.chat("s/any", HELLO, stream=True)]
        assert (whole.message.thinking, whole.message.content) == ("hm", "so")
        for calls in (whole.message.tool_calls, pieces[2].message.tool_calls):
            assert calls is not None
            assert (calls[0].function.name, calls[0].function.arguments) == ("look", {"at": "sky"})
        assert (whole.done_reason, pieces[-1].done_reason) == ("length", "length")
        assert (whole.prompt_eval_count, whole.eval_count) == (5, 3)
        assert pieces[0].message.thinking == "hm"


async def test_models_are_listed_and_shown(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        names = [it.model for it in (await client.list()).models]
        assert {"pinky/echo", "pinky/slow"} <= set(names)
        shown = await client.show("echo")
        assert shown.modelinfo == {"general.architecture": "pinky", "pinky.context_length": 8192}
        assert (await client.ps()).models == []
        with pytest.raises(ollama.ResponseError, match="not found") as caught:
            await client.show("nobody")
        assert caught.value.status_code == 404
        version = await gate.ask("/api/version", token=await gate.token())
        assert set(json.loads(version.body)) == {"version", "ruster"}


async def test_vectors(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        both = await client.embed("echo", ["one", "two"])
        assert [len(it) for it in both.embeddings] == [384, 384]
        short = await client.embed("echo", "one", dimensions=8)
        assert sum(it * it for it in short.embeddings[0]) == pytest.approx(1)
        old = await client.embeddings("echo", "one")
        assert list(old.embedding) == list(both.embeddings[0])


async def test_failures_are_told_as_ollama_tells_them(folder: Path) -> None:
    broken = ScriptedProvider((Content("so"), ProviderError("it broke off")))
    refusing = ScriptedProvider((ProviderError("no more credit", code="provider_quota"),))
    providers = {"s": broken, "q": refusing}
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        for stream in (b"true", b"false"):
            body = b'{"model":"nobody","messages":[{"role":"user","content":"x"}],"stream":%b}'
            reply = await post(gate, "/api/chat", body % stream)
            assert (reply.status, json.loads(reply.body)) == (404, {"error": NOT_FOUND})
        body = json.dumps({"model": "q/any", "messages": HELLO, "stream": False}).encode()
        assert (await post(gate, "/api/chat", body)).status == 429
        with pytest.raises(ollama.ResponseError, match="it broke off"):
            async for _ in await client.chat("s/any", HELLO, stream=True):
                pass


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"model":7}',
        b'{"model":"echo","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"echo","messages":[{"role":"nobody","content":"x"}]}',
        b'{"model":"echo","options":{"temperature":NaN},"messages":[]}',
        b'{"model":"echo","options":{"top_p":"high"},"messages":[]}',
        b'{"model":"echo","messages":[{"role":"tool","content":"x"}]}',
        b'{"model":"echo","messages":[{"role":"user","content":"x","images":["!"]}]}',
        b'{"model":"echo","prompt":"x","images":["aGVsbG8="],"messages":7}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
    ],
)
async def test_bad_bodies_are_refused(folder: Path, body: bytes) -> None:
    async with opened(folder) as gate:
        reply = await post(gate, "/api/chat", body)
        assert reply.status == 400
        assert isinstance(json.loads(reply.body)["error"], str)


async def test_a_client_that_leaves_ends_its_answer(folder: Path) -> None:
    scripted = ScriptedProvider((Content("so"), 30.0, Content("late")))
    async with opened(folder, providers={"s": scripted}) as gate, client_of(gate) as client:
        stream: Any = await client.chat("s/any", HELLO, stream=True)
        async for piece in stream:
            assert piece.message.content == "so"
            break
        await stream.aclose()
        while scripted.closed_early != 1:  # the test's own limit ends it
            await asyncio.sleep(0.01)


async def test_others_neither_name_files_nor_unload(folder: Path) -> None:
    async with opened(folder) as gate:
        for owner, status in ((OTHER, 403), (None, 200)):
            token = await gate.token(**({} if owner is None else {"owner": owner}))
            body = b'{"model":"echo","keep_alive":0}'
            reply = await gate.ask("/api/generate", method="POST", token=token, body=body)
            assert reply.status == status
        token = await gate.token(owner=OTHER)
        body = b'{"model":"llamacpp//etc/passwd","messages":[{"role":"user","content":"x"}]}'
        assert (await gate.ask("/api/chat", method="POST", token=token, body=body)).status == 403
        body = b'{"model":"echo","messages":[{"role":"user","content":"x"}],"stream":false}'
        assert (await gate.ask("/api/chat", method="POST", token=token, body=body)).status == 200
