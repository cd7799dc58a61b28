"""The fake Ollama says what the real one would, byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.go_http import go_json, go_time
from tests.fakes.ollama_answers import Answer
from tests.fakes.ollama_server import FakeOllama

STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nDate: DATE\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
    b"8f\r\n"
    b'{"model":"llama3.2","created_at":"2025-07-07T20:22:19.184789Z","message":'
    b'{"role":"assistant","content":"\\u003cb\\u003e\xc3\xa9 \\u0026"},"done":false}\n\r\n'
    b"125\r\n"
    b'{"model":"llama3.2","created_at":"2025-07-07T20:22:19.19788925Z","message":'
    b'{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
    b'"total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":26,'
    b'"prompt_eval_duration":342546000,"eval_count":1,"eval_duration":4535599000}\n\r\n'
    b"0\r\n\r\n"
)
END = (b"\r\n0\r\n\r\n", b"Content-Length: 0\r\n\r\n")
CHAT = {"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    """A running fake."""
    async with FakeOllama() as running:
        yield running


async def _send(server: FakeOllama, request: bytes, reads: list[bytes] | None = None) -> bytes:
    """Send raw bytes and return what comes, up to its end, with the date blanked."""
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    pieces = [] if reads is None else reads
    try:
        async with asyncio.timeout(2):
            while not b"".join(pieces).endswith(END):
                pieces.append(await reader.read(65536))
    finally:
        writer.close()
        await writer.wait_closed()
    return re.sub(rb"Date: [^\r]+", b"Date: DATE", b"".join(pieces))


def _request(method: str, path: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _ask(server: FakeOllama, method: str, path: str, body: Any = b"") -> tuple[int, bytes]:
    """Return status and body of one request, chunked or not."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(_request(method, path, data))
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    said = bytearray()
    if length := re.search(r"Content-Length: (\d+)", head):
        said += await reader.readexactly(int(length[1]))
    else:
        while size := int(await reader.readline(), 16):
            said += (await reader.readexactly(size + 2))[:-2]
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), bytes(said)


async def test_a_stream_byte_for_byte(server: FakeOllama) -> None:
    server.answer = Answer(("<b>é &",))

    assert await _send(server, _request("POST", "/api/chat", json.dumps(CHAT).encode())) == STREAM


async def test_splitting_really_reaches_the_client(server: FakeOllama) -> None:
    request = _request("POST", "/api/chat", json.dumps(CHAT).encode())
    together: list[bytes] = []
    single: list[bytes] = []
    await _send(server, request, together)
    server.split_at = None
    await _send(server, request, single)

    assert len(together) < 15
    assert len(single) > len(b"".join(single)) / 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/", b"", 200, b"Ollama is running"),
        ("GET", "/api/version", b"", 200, b'{"version":"0.12.6"}'),
        ("GET", "/nothing", b"", 404, b"404 page not found"),
        ("GET", "/api/chat", b"", 405, b"405 method not allowed"),
        ("POST", "/api/chat", b"", 400, b'{"error":"missing request body"}'),
        ("POST", "/api/chat", {}, 400, b'{"error":"model is required"}'),
        (
            "POST",
            "/api/chat",
            b"x",
            400,
            b'{"error":"invalid character \'x\' looking for beginning of value"}',
        ),
        (
            "POST",
            "/api/chat",
            CHAT | {"model": "nope"},
            404,
            b'{"error":"model \'nope\' not found"}',
        ),
        (
            "POST",
            "/api/chat",
            CHAT | {"think": True},
            400,
            b'{"error":"\\"llama3.2\\" does not support thinking"}',
        ),
        (
            "POST",
            "/api/chat",
            CHAT | {"model": "gemma2:2b", "tools": [{}]},
            400,
            b'{"error":"registry.ollama.ai/library/gemma2:2b does not support tools"}',
        ),
        (
            "POST",
            "/api/chat",
            CHAT | {"options": {"temperature": "hot"}},
            500,
            b'{"error":"option \\"temperature\\" must be of type float32"}',
        ),
        ("POST", "/api/show", {"model": "nope"}, 404, b'{"error":"model \'nope\' not found"}'),
    ],
)
async def test_answers_and_refusals(
    server: FakeOllama, method: str, path: str, body: Any, status: int, said: bytes
) -> None:
    assert await _ask(server, method, path, body) == (status, said)


async def test_a_foreign_host_name_is_refused(server: FakeOllama) -> None:
    said = await _send(server, _request("GET", "/", host="evil.example"))

    assert said == b"HTTP/1.1 403 Forbidden\r\nDate: DATE\r\nContent-Length: 0\r\n\r\n"


async def test_models_are_described(server: FakeOllama) -> None:
    _, tags = await _ask(server, "GET", "/api/tags")
    _, show = await _ask(server, "POST", "/api/show", {"model": "qwen3:8b"})

    assert list(json.loads(tags)["models"][0]) == [
        "name",
        "model",
        "modified_at",
        "size",
        "digest",
        "details",
        "capabilities",
    ]
    assert json.loads(show)["model_info"]["qwen3.context_length"] == 40_960
    assert "thinking" in json.loads(show)["capabilities"]


def test_go_writes_json_and_time_its_own_way() -> None:
    assert go_json({"a": "<é>&\u2028\n"}) == b'{"a":"\\u003c\xc3\xa9\\u003e\\u0026\\u2028\\n"}'
    assert go_time(1_751_919_739_000_000_000) == "2025-07-07T20:22:19Z"
    assert go_time(1_751_919_739_100_000_000) == "2025-07-07T20:22:19.1Z"
