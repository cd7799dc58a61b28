"""The HTTP side of every provider: one client, its time limits, every failure one typed error.

No exception of httpx leaves this file, and no secret that it sends. What the bytes mean is not
decided here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import httpx

from ruster.core.clock import SystemClock
from ruster.core.errors import ProviderError
from ruster.llm.failures import Peer
from ruster.llm.lines import LineSplitter
from ruster.llm.retry_after import retry_after_s
from ruster.llm.settings import Timeouts
from ruster.llm.sse import SseParser
from ruster.llm.wire import is_json

__all__ = ["Http", "Route"]

_LINE_LIMIT_BYTES = 8_000_000
_BODY_LIMIT_BYTES = 16_000_000
_ERROR_LIMIT_BYTES = 64_000
_QUICK_TIMEOUT_S = 10.0
_WRITE_TIMEOUT_S = 30.0
_DRAIN_TIMEOUT_S = 0.5
_SECRET_CHARS = 6

Authorize = Callable[[], Awaitable[Mapping[str, str]]]
"""Makes the headers that show who asks, anew for every request."""


async def _nobody() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a provider: its base URL, how patient to be, and what to send with requests."""

    base: str
    peer: Peer
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict)
    authorize: Authorize = _nobody


class Http:
    """Sends requests along a route.

    A given ``client`` stays the caller's to close. Our own never asks the system for a proxy
    (``trust_env``): loopback traffic must not leave the machine.
    """

    def __init__(self, route: Route, client: httpx.AsyncClient | None = None) -> None:
        self.peer = route.peer
        self._route = route
        self._client = client
        self._owned = client is None
        self._now = SystemClock().now

    async def fetch(
        self, method: str, path: str, *, model: str, body: object = None, patient: bool = False
    ) -> bytes:
        """Return the whole body of an answer; raises ``ProviderError`` for any failure.

        It has to come quickly, unless ``patient``: then a model may have to be loaded first.
        """
        limit_s = None if patient else _QUICK_TIMEOUT_S
        try:
            async with (
                asyncio.timeout(limit_s),
                self.open(method, path, model=model, body=body) as response,
            ):
                return await self.read(response)
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
        secret = await self._route.authorize()
        try:
            response = await self._send(method, path, body, secret)
            try:
                if response.status_code != httpx.codes.OK:
                    raise await self._refusal(response, model)
                yield response
            finally:
                await response.aclose()
        except ProviderError as error:
            _forget(error, secret)
            raise

    async def read(self, response: httpx.Response, limit_bytes: int = _BODY_LIMIT_BYTES) -> bytes:
        """Return the whole body of an open answer."""
        data = bytearray()
        async with aclosing(self.pieces(response)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > limit_bytes:
                    raise self.peer.wrong(f"larger than {limit_bytes} bytes")
        return bytes(data)

    async def lines(
        self, response: httpx.Response, *, patient: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a streamed body; a body cut by the network raises ``ProviderError``.

        The last line is given even without a line end, since some proxies drop it. ``patient``
        allows the silence before the first part between all of them.
        """
        splitter = LineSplitter(_LINE_LIMIT_BYTES)
        async with aclosing(self.pieces(response, patient=patient)) as pieces:
            async for piece in pieces:
                for line in splitter.feed(piece):
                    yield line
        if rest := splitter.rest():
            if rest.startswith(b"{") and not is_json(rest):
                raise self.peer.cut("in the middle of a line")
            yield rest

    async def events(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the data of a stream of server-sent events.

        A server that answered with plain JSON instead has its whole answer taken for one event.
        """
        kind = response.headers.get("content-type", "")
        if "html" in kind:
            raise self.peer.wrong("a web page")
        if "json" in kind:
            yield await self.read(response)
            return
        parser = SseParser(_LINE_LIMIT_BYTES)
        async with aclosing(self.pieces(response)) as pieces:
            async for piece in pieces:
                for data in parser.feed(piece):
                    yield data
        for data in parser.finish():
            yield data

    async def drain(self, parts: AsyncGenerator[bytes, None]) -> None:
        """Read the little that follows a complete answer, so that the connection can be reused."""
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                await anext(parts, None)
        except (TimeoutError, ProviderError):
            return

    async def aclose(self) -> None:
        """Close our own client's connections."""
        if self._owned and self._client is not None:
            await self._client.aclose()
            self._client = None

    async def pieces(
        self, response: httpx.Response, *, patient: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; the first piece may take longer than the following."""
        wait_s = self._route.timeouts.first_byte_s
        body = cast(AsyncGenerator[bytes, None], response.aiter_bytes())
        async with aclosing(body):
            while (piece := await self._next(body, wait_s)) is not None:
                wait_s = wait_s if patient else self._route.timeouts.read_s
                yield piece

    async def _refusal(self, response: httpx.Response, model: str) -> ProviderError:
        said = await self.read(response, _ERROR_LIMIT_BYTES)
        error = self.peer.refused(response.status_code, said, model)
        if error.retry_after_s is None:
            error.retry_after_s = retry_after_s(response.headers, self._now)
        return error

    async def _send(
        self, method: str, path: str, body: object, secret: Mapping[str, str]
    ) -> httpx.Response:
        wait_s = self._route.timeouts.first_byte_s
        try:
            request = self._request(method, path, body, secret)
            async with asyncio.timeout(wait_s):
                return await self._opened().send(request, stream=True)
        except TimeoutError as error:
            raise self.peer.timed_out(wait_s) from error
        except httpx.InvalidURL as error:
            raise self.peer.not_answering("not a usable address") from error
        except httpx.HTTPError as error:
            passing = not isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)
            raise self.peer.not_answering(_detail(error), retryable=passing) from error

    def _request(
        self, method: str, path: str, body: object, secret: Mapping[str, str]
    ) -> httpx.Request:
        connect_s = self._route.timeouts.connect_s
        limits = httpx.Timeout(None, connect=connect_s, write=_WRITE_TIMEOUT_S)
        try:
            return self._opened().build_request(
                method,
                self._route.base + path,
                json=body,
                headers={**self._route.headers, **secret},
                timeout=limits,
            )
        except (ValueError, TypeError) as error:
            raise ProviderError(
                f"the conversation cannot be written as JSON: {error}", code="provider_rejected"
            ) from error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # Reading the certificate store takes 80 ms: only for a peer that shows a certificate.
            secure = self._route.base.startswith("https:")
            verify = True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._client = httpx.AsyncClient(
                verify=verify,
                trust_env=False,
                follow_redirects=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "ruster"},
            )
        return self._client

    async def _next(self, body: AsyncGenerator[bytes, None], wait_s: float) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s):
                return await anext(body, None)
        except TimeoutError as error:
            raise self.peer.timed_out(wait_s) from error
        except httpx.DecodingError as error:
            raise self.peer.wrong("encoded in a way it does not declare") from error
        except httpx.HTTPError as error:
            raise self.peer.cut(_detail(error)) from error


def _detail(error: httpx.HTTPError) -> str:
    """Say what went wrong, unless it is the ordinary "nobody listens there"."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.ConnectError) and "attempts failed" in str(error):
        return ""
    return str(error).rstrip(".")


def _forget(error: ProviderError, secret: Mapping[str, str]) -> None:
    """Take out of an error what a provider repeats of the key it was sent."""
    values = (value.removeprefix("Bearer ") for value in secret.values())
    keys = [value for value in values if len(value) >= _SECRET_CHARS]
    told = f"{error.message} {error.__cause__} {error.__context__}"
    if not any(key in told for key in keys):
        return
    for key in keys:
        error.message = error.message.replace(key, "[redacted]")
    error.args = (error.message,)
    error.__cause__ = error.__context__ = None
