"""A fake Ollama on a real TCP socket: the bytes of the real one, and faults on demand.

It speaks what ruster asks of Ollama: ``/api/chat`` (streaming), ``/api/tags``, ``/api/show``,
``/api/version`` and ``/``. Statuses, sentences and checks follow ollama/ollama
``server/routes.go``. With ``token`` it is an LLM proxy that passes ``/ollama`` on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.fakes.go_http import TEXT, go_json, whole
from tests.fakes.ollama_answers import Answer, Close, Fault, Pause, Reset, Step
from tests.fakes.ollama_models import DEFAULT_MODELS, FakeModel, full_name

from ruster.core.tasks import cancel_and_wait, spawn

__all__ = ["FakeOllama", "Recorded", "refused_url"]

_VERSION = "0.12.6"
_ROUTES = {"/": "GET", "/api/version": "GET", "/api/tags": "GET"}
_ROUTES |= {"/api/show": "POST", "/api/chat": "POST"}
_FLOATS = ("temperature", "top_p", "min_p", "repeat_penalty", "num_ctx", "num_predict", "top_k")


@dataclass(frozen=True)
class Recorded:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class FakeOllama:
    """``async with FakeOllama() as server:`` listens at ``server.url``.

    ``answers`` maps the last user message to its answer, ``answer`` is for all others; ``faults``
    maps a path to what happens there instead. ``split_at`` holds the offsets, counted in bytes of
    a response, at which it is handed to the network in separate writes (None: after every byte).
    """

    def __init__(
        self, models: Sequence[FakeModel] = DEFAULT_MODELS, *, token: str | None = None
    ) -> None:
        self.models = {model.name: model for model in models}
        self.answer = Answer()
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, Fault] = {}
        self.split_at: frozenset[int] | None = frozenset()
        self.requests: list[Recorded] = []
        self.disconnected = asyncio.Event()
        self.url = ""
        self._token = token
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self.wait_closed()
        await self._server.wait_closed()

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chat requests."""
        return [request.json for request in self.requests if request.path.endswith("/api/chat")]

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        return len(self._writers)

    async def wait_closed(self) -> None:
        """Wait until no client holds a connection."""
        await self._all_closed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._all_closed.clear()
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                if not await _Reply(self, reader, writer).send(self._respond(request)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._writers.discard(writer)
            if not self._writers:
                self._all_closed.set()

    def _respond(self, request: Recorded) -> Iterable[Step]:
        path = request.path
        if not _allowed(request.headers.get("host", "")):
            return [whole(403, b"", None)]
        if self._token is not None:
            if self._token not in (request.headers.get("x-proxy-auth"), _bearer(request)):
                return [_error(401, "unauthorized")]
            path = path.removeprefix("/ollama")
        if path not in _ROUTES:
            return [whole(404, b"404 page not found", "text/plain")]
        if request.method != _ROUTES[path]:
            allow = f"Allow: {_ROUTES[path]}"
            return [whole(405, b"405 method not allowed", "text/plain", allow)]
        return self._route(path, request)

    def _route(self, path: str, request: Recorded) -> Iterable[Step]:
        if path in self.faults and path != "/api/chat":
            return self.faults[path]([])
        if path == "/":
            return [whole(200, b"Ollama is running", TEXT)]
        if path == "/api/version":
            return [whole(200, go_json({"version": _VERSION}))]
        if path == "/api/tags":
            return [whole(200, go_json({"models": [m.tag() for m in self.models.values()]}))]
        return self._ask(path, request)

    def _ask(self, path: str, request: Recorded) -> Iterable[Step]:
        """Answer what names a model in a JSON body."""
        body = _body(request.body)
        if isinstance(body, str):
            return [_error(400, body)]
        name = body.get("model") or ""
        if not name:
            return [_error(400, "model is required")]
        model = self.models.get(full_name(name))
        if path == "/api/chat" and path in self.faults:
            return self.faults[path](self._answer(body).lines(name))
        if model is None:
            return [_error(404, f"model '{name}' not found")]
        if path == "/api/show":
            return [whole(200, go_json(model.show()))]
        return _refusal(body, model) or self._answer(body).steps(name)

    def _answer(self, body: dict[str, Any]) -> Answer:
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        return self.answers.get(users[-1] if users else "", self.answer)


class _Reply:
    """Sends one response step by step, and notices when the client goes away meanwhile."""

    def __init__(
        self, server: FakeOllama, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._offset = 0

    async def send(self, steps: Iterable[Step]) -> bool:
        """Run the steps; return whether the connection may take another request."""
        gone = spawn(self._reader.read(1), name="fake ollama: client gone")
        try:
            for step in steps:
                if not await self._step(step, gone):
                    return False
        finally:
            await cancel_and_wait(gone)
        return True

    async def _step(self, step: Step, gone: asyncio.Task[bytes]) -> bool:
        if isinstance(step, bytes):
            await self._write(step)
        elif isinstance(step, Close):
            return False
        elif isinstance(step, Reset):
            self._reset()
            return False
        else:
            wait_s = step.seconds if isinstance(step, Pause) else None
            await asyncio.wait([gone], timeout=wait_s)
        if gone.done():
            self._server.disconnected.set()
        return not gone.done()

    async def _write(self, data: bytes) -> None:
        splits = self._server.split_at
        offsets = range(1, len(data)) if splits is None else self._inside(splits, len(data))
        start = 0
        for end in [*offsets, len(data)]:
            self._writer.write(data[start:end])
            await self._writer.drain()
            if end < len(data):
                await _let_the_client_read()
            start = end
        self._offset += len(data)

    def _inside(self, splits: frozenset[int], length: int) -> list[int]:
        return sorted(at - self._offset for at in splits if 0 < at - self._offset < length)

    def _reset(self) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def refused_url() -> str:
    """Return the address of a port of this machine where nobody listens."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def _let_the_client_read() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def _read_request(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    request_line, *rest = head.strip().split("\r\n")
    method, path, _ = request_line.split(" ")
    pairs = (line.partition(":") for line in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Recorded(method, path, headers, body)


def _error(status: int, sentence: str) -> bytes:
    return whole(status, go_json({"error": sentence}))


def _body(data: bytes) -> dict[str, Any] | str:
    """Parse a body, or say what Go's decoder would."""
    if not data:
        return "missing request body"
    try:
        body = json.loads(data)
    except ValueError:
        return f"invalid character '{chr(data[0])}' looking for beginning of value"
    if not isinstance(body, dict):
        return "json: cannot unmarshal array into Go value of type api.ChatRequest"
    for message in body.get("messages", []):
        for call in message.get("tool_calls", []):
            if not isinstance(call["function"]["arguments"], dict):
                return "json: cannot unmarshal string into Go struct field ChatRequest.messages"
    return body


def _refusal(body: dict[str, Any], model: FakeModel) -> list[Step]:
    """Return the refusal of a request the model or its options cannot meet, or nothing."""
    if body.get("think") and "thinking" not in model.capabilities:
        return [_error(400, f'"{body["model"]}" does not support thinking')]
    if body.get("tools") and "tools" not in model.capabilities:
        return [_error(400, f"registry.ollama.ai/library/{model.name} does not support tools")]
    for option in _FLOATS:
        value = (body.get("options") or {}).get(option, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [_error(500, f'option "{option}" must be of type float32')]
    return []


def _allowed(host: str) -> bool:
    """Follow Ollama's guard against foreign pages: only local names may be asked for."""
    name = host.rpartition(":")[0] or host
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private or address.is_unspecified


def _bearer(request: Recorded) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")
