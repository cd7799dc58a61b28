"""One HTTP request to a pinned address: the name is sent, but never looked up again."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import httpx

from ruster.sandbox.addresses import IPAddress

__all__ = ["PinnedTransport"]

_MAX_TRIES = 3


class PinnedTransport(httpx.AsyncBaseTransport):
    """Connects to the given addresses instead of the URL's host, the first that takes it.

    The Host header, the TLS server name and the name on the certificate stay those of the URL.
    Connections are never kept: one that was made for a name must not serve another one.
    """

    def __init__(self, addresses: Sequence[IPAddress], verify: ssl.SSLContext) -> None:
        self._addresses = tuple(addresses)[:_MAX_TRIES]
        self._inner = httpx.AsyncHTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the first address that can be connected to."""
        problem: httpx.TransportError = httpx.ConnectError("there is no address to connect to")
        for address in self._addresses:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem = error
        raise problem

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()


def _pinned(request: httpx.Request, address: IPAddress) -> httpx.Request:
    name = request.url.raw_host.decode("ascii")  # ``host`` would be in Unicode
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
