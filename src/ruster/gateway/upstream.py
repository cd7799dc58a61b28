"""A service behind the proxy: one request to it, every failure one ``Refusal``.

No exception of httpx leaves this file, and nothing of the key that was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httpx

from ruster.core.errors import ProviderError
from ruster.gateway.headers import passed_up
from ruster.gateway.incoming import Incoming
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import ProxySettings
from ruster.gateway.target import Target

__all__ = ["Answer", "Asked", "Upstream", "ask", "open_client"]

_WRITE_TIMEOUT_S = 30.0

Authorize = Callable[[], Awaitable[Mapping[str, str]]]
"""Makes the headers with the service's key, anew for every request."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A service by its prefix: its base address, and what to do when it does not answer."""

    name: str
    url: str
    remedy: str
    authorize: Authorize


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a service."""

    method: str
    target: Target
    headers: list[tuple[bytes, bytes]]
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer: its head, and its body's bytes as they come off the connection."""

    status: int
    headers: list[tuple[bytes, bytes]]
    pieces: AsyncGenerator[bytes, None]


def open_client() -> httpx.AsyncClient:
    """Make the client for all services: it follows nothing, and asks the system for no proxy."""
    return httpx.AsyncClient(
        trust_env=False, follow_redirects=False, limits=httpx.Limits(max_connections=None)
    )


@asynccontextmanager
async def ask(
    client: httpx.AsyncClient, upstream: Upstream, asked: Asked, settings: ProxySettings
) -> AsyncIterator[Answer]:
    """Pass a request on and hold the answer open; the connection is released at the end.

    Raises ``Refusal`` with 408, 413, 502 or 504 before the head of the answer, ``ClientGone`` when
    the client leaves while it sends, and ``Refusal`` from ``pieces`` for an answer that breaks off.
    """
    try:
        own = await upstream.authorize()
    except ProviderError as error:
        raise Refusal(502, error.code, error.message) from error
    request = _request(upstream, asked, own, settings)
    response = await _head(client, upstream, request, asked.incoming, settings)
    try:
        async with aclosing(_pieces(response, upstream, settings.read_timeout_s)) as pieces:
            yield Answer(response.status_code, response.headers.raw, pieces)
    finally:
        await response.aclose()


def _request(
    upstream: Upstream, asked: Asked, own: Mapping[str, str], settings: ProxySettings
) -> httpx.Request:
    try:
        base = httpx.URL(upstream.url)
    except httpx.InvalidURL as error:
        raise _away(upstream, "not a usable address") from error
    limits = httpx.Timeout(None, connect=settings.connect_timeout_s, write=_WRITE_TIMEOUT_S)
    return httpx.Request(
        asked.method,
        base,
        headers=passed_up(asked.headers, own),
        content=asked.incoming.body() if asked.incoming.has_body else None,
        # The spelling is kept as it was checked: building an address would rewrite it.
        extensions={
            "timeout": limits.as_dict(),
            "target": base.raw_path.rstrip(b"/") + asked.target.spelt,
        },
    )


async def _head(
    client: httpx.AsyncClient,
    upstream: Upstream,
    request: httpx.Request,
    incoming: Incoming,
    settings: ProxySettings,
) -> httpx.Response:
    """Send the request; the time for the head counts from where the request is complete."""
    wait_s = settings.first_byte_timeout_s
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(None) as limit:
            incoming.when_complete(lambda: limit.reschedule(now() + wait_s))
            return await client.send(request, stream=True)
    except TimeoutError as error:
        raise _silent(upstream, wait_s) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _translated(upstream, error) from error


async def _pieces(
    response: httpx.Response, upstream: Upstream, wait_s: float
) -> AsyncGenerator[bytes, None]:
    """Yield the body undecoded; raises ``Refusal`` when it breaks off or falls silent."""
    raw = cast(AsyncGenerator[bytes, None], response.aiter_raw())
    async with aclosing(raw):
        try:
            while True:
                async with asyncio.timeout(wait_s):
                    piece = await anext(raw, None)
                if piece is None:
                    return
                yield piece
        except TimeoutError as error:
            raise _silent(upstream, wait_s) from error
        except httpx.HTTPError as error:
            sentence = f"the answer of {upstream.name} was cut off before its end"
            raise Refusal(502, "upstream_cut", sentence) from error


def _translated(upstream: Upstream, error: Exception) -> Refusal:
    if isinstance(error, httpx.ConnectTimeout):
        return _away(upstream, "no connection in time")
    if isinstance(error, httpx.TimeoutException):
        return Refusal(504, "upstream_timeout", f"{upstream.name} takes no request")
    if isinstance(error, httpx.ConnectError):
        return _away(upstream, "nobody takes the connection")
    if isinstance(error, httpx.RemoteProtocolError):
        return _away(upstream, "the connection ended without an answer")
    return _away(upstream, "the connection broke")


def _away(upstream: Upstream, detail: str) -> Refusal:
    return Refusal(
        502,
        "upstream_unreachable",
        f"{upstream.name} is not answering ({detail}): {upstream.remedy}",
    )


def _silent(upstream: Upstream, seconds: float) -> Refusal:
    return Refusal(504, "upstream_timeout", f"{upstream.name} said nothing for {seconds:g} seconds")
