"""A proxy before a scripted service, and raw requests to it: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ruster.config.settings import Settings
from ruster.proxy import LlmProxy, serving
from tests.fakes.go_http import whole
from tests.fakes.http_server import FakeHttp, Recorded, Step

__all__ = ["KEYS", "TOKEN", "Reply", "Upstream", "connect", "head_of", "proxied", "talk"]

TOKEN = "t0ken-0123456789"
KEYS = {"XAI_API_KEY": "xai-canary-1", "GEMINI_API_KEY": "AIza-canary-2"}


class Upstream(FakeHttp):
    """A service that answers everything with ``steps``."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: Callable[[], Iterable[Step]] = lambda: [whole(200, b'{"ok":true}')]

    def respond(self, request: Recorded) -> Iterable[Step]:
        return self.steps()


@asynccontextmanager
async def proxied(
    url: str, *, token: str | None = None, keys: dict[str, str] | None = None, **own: Any
) -> AsyncIterator[LlmProxy]:
    """Run a proxy whose three paths lead to ``url``."""
    given: dict[str, Any] = {"addr": "127.0.0.1:0", "xai_url": url, "gemini_url": url}
    tree = {"proxy": given | {"ollama_url": url} | own, "shutdown_patience_s": 0}
    variables = (KEYS if keys is None else keys).get
    async with serving(Settings.model_validate(tree), variables, token) as proxy:
        yield proxy


@dataclass
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    raw: bytes = b""

    @property
    def error(self) -> dict[str, str]:
        """The error object."""
        error: dict[str, str] = json.loads(self.raw)["error"]
        return error

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for own, value in self.headers if own == name]


async def talk(proxy: LlmProxy, request: bytes) -> Reply:
    """Send a request as it is written; return its answer, the body without its framing undone."""
    reader, writer = await connect(proxy)
    writer.write(request)
    reply = await head_of(reader)
    length = reply.all("content-length")
    if length:
        reply.raw = await reader.readexactly(int(length[0]))
    else:
        reply.raw = await reader.read()
    writer.close()
    return reply


async def connect(proxy: LlmProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection."""
    host, _, port = proxy.url.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


async def head_of(reader: asyncio.StreamReader) -> Reply:
    """Read the head of an answer."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    return Reply(int(first.split(" ")[1]), headers)
