"""The HTTP side of Ollama: one client, its time limits, and every failure as one typed error.

No exception of httpx leaves this file. What the bytes mean is not decided here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import httpx

from ruster.core.errors import ProviderError
from ruster.llm.lines import LineSplitter
from ruster.llm.ollama.failures import Peer
from ruster.llm.ollama.url import base_url, without_login
from ruster.llm.ollama.wire import is_json
from ruster.llm.settings import LlmSettings

__all__ = ["OllamaHttp"]

_LINE_LIMIT_BYTES = 8_000_000
_BODY_LIMIT_BYTES = 16_000_000
_ERROR_LIMIT_BYTES = 64_000
_QUICK_TIMEOUT_S = 10.0
_WRITE_TIMEOUT_S = 30.0
_DRAIN_TIMEOUT_S = 0.5


class OllamaHttp:
    """Sends requests to Ollama or, when ``proxy_url`` is set, to the proxy's ``/ollama``.

    A given ``client`` stays the caller's to close. Our own never asks the system for a proxy
    (``trust_env``): loopback traffic must not leave the machine.
    """

    def __init__(self, settings: LlmSettings, client: httpx.AsyncClient | None = None) -> None:
        proxy = (settings.proxy_url or "").rstrip("/")
        self._base = f"{proxy}/ollama" if proxy else base_url(settings.ollama_url)
        self._token = settings.proxy_auth_token if proxy else None
        self.peer = Peer(without_login(proxy or self._base), through_proxy=bool(proxy))
        self._settings = settings
        self._client = client
        self._owned = client is None

    async def fetch(self, method: str, path: str, *, model: str, body: object = None) -> bytes:
        """Return the whole body of a quick answer; raises ``ProviderError`` for any failure."""
        try:
            async with (
                asyncio.timeout(_QUICK_TIMEOUT_S),
                self.open(method, path, model=model, body=body) as response,
            ):
                return await self._read(response, _BODY_LIMIT_BYTES)
        except TimeoutError as error:
            raise self.peer.timed_out(_QUICK_TIMEOUT_S) from error

    @asynccontextmanager
    async def open(
        self, method: str, path: str, *, model: str, body: object = None
    ) -> AsyncIterator[httpx.Response]:
        """Send a request and hold its answer open; the connection is released at the end.

        Raises ``ProviderUnreachable`` when nobody answers or ``model`` is not there, another
        ``ProviderError`` for any status but 200 and for a timeout.
        """
        response = await self._send(method, path, body)
        try:
            if response.status_code != httpx.codes.OK:
                said = await self._read(response, _ERROR_LIMIT_BYTES)
                raise self.peer.refused(response.status_code, said, model)
            yield response
        finally:
            await response.aclose()

    async def lines(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a streamed body; a body cut by the network raises ``ProviderError``.

        The last line is given even without a line end, since some proxies drop it.
        """
        splitter = LineSplitter(_LINE_LIMIT_BYTES)
        async with aclosing(self._pieces(response)) as pieces:
            async for piece in pieces:
                for line in splitter.feed(piece):
                    yield line
        if rest := splitter.rest():
            if rest.startswith(b"{") and not is_json(rest):
                raise self.peer.cut("in the middle of a line")
            yield rest

    async def drain(self, lines: AsyncGenerator[bytes, None]) -> None:
        """Read the little that follows a complete answer, so that the connection can be reused."""
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                await anext(lines, None)
        except (TimeoutError, ProviderError):
            return

    async def aclose(self) -> None:
        """Close our own client's connections."""
        if self._owned and self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, method: str, path: str, body: object) -> httpx.Response:
        wait_s = self._settings.first_byte_timeout_s
        try:
            request = self._request(method, path, body)
            async with asyncio.timeout(wait_s):
                return await self._opened().send(request, stream=True)
        except TimeoutError as error:
            raise self.peer.timed_out(wait_s) from error
        except httpx.InvalidURL as error:
            raise self.peer.not_answering("not a usable address") from error
        except httpx.HTTPError as error:
            raise self.peer.not_answering(_detail(error)) from error

    def _request(self, method: str, path: str, body: object) -> httpx.Request:
        headers = {"Accept": "application/x-ndjson, application/json"}
        if self._token is not None:
            headers["X-Proxy-Auth"] = self._token.get_secret_value()
        connect_s = self._settings.connect_timeout_s
        limits = httpx.Timeout(None, connect=connect_s, write=_WRITE_TIMEOUT_S)
        try:
            return self._opened().build_request(
                method, self._base + path, json=body, headers=headers, timeout=limits
            )
        except (ValueError, TypeError) as error:
            raise ProviderError(
                f"the conversation cannot be written as JSON: {error}", code="provider_rejected"
            ) from error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # Reading the certificate store takes 80 ms: only for a peer that shows a certificate.
            secure = self._base.startswith("https:")
            verify = True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._client = httpx.AsyncClient(
                verify=verify,
                trust_env=False,
                follow_redirects=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "ruster"},
            )
        return self._client

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; the first piece may take longer than the following."""
        wait_s = self._settings.first_byte_timeout_s
        body = cast(AsyncGenerator[bytes, None], response.aiter_bytes())
        async with aclosing(body):
            while (piece := await self._next(body, wait_s)) is not None:
                wait_s = self._settings.read_timeout_s
                yield piece

    async def _next(self, body: AsyncGenerator[bytes, None], wait_s: float) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s):
                return await anext(body, None)
        except TimeoutError as error:
            raise self.peer.timed_out(wait_s) from error
        except httpx.DecodingError as error:
            raise ProviderError(
                "Ollama's answer is encoded in a way it does not declare", code="provider_protocol"
            ) from error
        except httpx.HTTPError as error:
            raise self.peer.cut(_detail(error)) from error

    async def _read(self, response: httpx.Response, limit_bytes: int) -> bytes:
        data = bytearray()
        async with aclosing(self._pieces(response)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > limit_bytes:
                    raise ProviderError(
                        f"Ollama's answer is larger than {limit_bytes} bytes",
                        code="provider_protocol",
                    )
        return bytes(data)


def _detail(error: httpx.HTTPError) -> str:
    """Say what went wrong, unless it is the ordinary "nobody listens there"."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.ConnectError) and "attempts failed" in str(error):
        return ""
    return str(error).rstrip(".")
