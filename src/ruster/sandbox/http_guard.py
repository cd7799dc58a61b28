"""The one HTTP client for addresses that a model, a script, a page or a person chose.

Every step of a request is checked anew: the address is read, looked up once, refused unless public,
and connected to where it was checked. Nothing of the environment is used: no proxies, no `.netrc`,
no cookies. What must not be reached is said in ``address_check``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import httpx

from ruster.core.errors import ToolError
from ruster.core.web import WebAnswer
from ruster.sandbox.address_check import AddressCheck
from ruster.sandbox.addresses import IPAddress
from ruster.sandbox.http_body import ACCEPTED_ENCODINGS, read_body, text_of
from ruster.sandbox.http_transport import PinnedTransport
from ruster.sandbox.resolver import Resolver, SystemResolver
from ruster.sandbox.urls import WebAddress, read_url, refused
from ruster.sandbox.web_settings import WebSettings
from ruster.version import __version__

__all__ = ["Connect", "GuardedWeb"]

Connect = Callable[[Sequence[IPAddress], ssl.SSLContext], httpx.AsyncBaseTransport]
"""Makes what sends one request to one of the addresses that were checked."""

_METHODS = {"GET", "HEAD", "POST"}
_REDIRECTS = {301, 302, 303, 307, 308}
_HAS_SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_CONNECT_SHARE = 3
_MAX_HEADER_BYTES = 64 * 1024
_MAX_SENT_BYTES = 1024 * 1024
_NOT_FOR_CALLERS = {
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
    "accept-encoding", "expect", "keep-alive",
}  # fmt: skip
_FOR_EVERYBODY = {"accept", "accept-language", "content-type", "user-agent"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One request of a chain of redirects."""

    target: WebAddress
    method: str
    headers: Mapping[str, str]
    body: bytes


class GuardedWeb:
    """Asks public web servers, and the few others that ``settings.allow`` names.

    ``verify`` replaces the certificate authorities, ``connect`` how requests are sent.
    """

    def __init__(
        self,
        settings: WebSettings,
        *,
        resolver: Resolver | None = None,
        verify: ssl.SSLContext | None = None,
        connect: Connect = PinnedTransport,
    ) -> None:
        self._settings = settings
        self._check = AddressCheck(settings, resolver or SystemResolver(settings.timeout_s / 2))
        self._verify = verify
        self._connect = connect

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        """Send a request and follow its redirects; see ``core.ports.WebFetcher``."""
        step = _Step(read_url(url), method.upper(), _checked(headers or {}), body)
        if step.method not in _METHODS:
            raise refused(f"the method {method!r} is not used")
        if len(body) > _MAX_SENT_BYTES:
            raise refused(f"more than {_MAX_SENT_BYTES} bytes are not sent")
        asked: list[str] = []
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._follow(step, asked)
        except ToolError as error:
            error.origin = _origin(asked)
            raise
        except (TimeoutError, httpx.TimeoutException):
            message = f"{step.target.host} took longer than {self._settings.timeout_s:g} s"
            raise ToolError(message, code="fetch_timeout", retryable=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
            message = f"{step.target.host} cannot be asked: {str(error) or type(error).__name__}"
            raise ToolError(message, code="fetch_failed", origin=_origin(asked)) from None

    async def _follow(self, step: _Step, asked: list[str]) -> WebAnswer:
        for _ in range(self._settings.max_redirects + 1):
            answer = await self._ask(step, asked)
            if isinstance(answer, WebAnswer):
                return answer
            step = answer
        raise refused(f"it was redirected more than {self._settings.max_redirects} times")

    async def _ask(self, step: _Step, asked: list[str]) -> WebAnswer | _Step:
        """Make one request, and note in ``asked`` who may have said something from now on."""
        addresses = await self._check.addresses(step.target)
        verify = await self._certificates(step.target)
        asked.append(step.target.host)
        async with self._connect(addresses, verify) as transport:
            response = await transport.handle_async_request(
                httpx.Request(
                    step.method,
                    step.target.url,
                    headers=_complete(step),
                    content=step.body or None,
                    extensions={"timeout": {"connect": self._settings.timeout_s / _CONNECT_SHARE}},
                )
            )
            try:
                return await self._taken(step, response)
            finally:
                await response.aclose()

    async def _taken(self, step: _Step, response: httpx.Response) -> WebAnswer | _Step:
        if sum(len(name) + len(value) + 4 for name, value in response.headers.raw) > (
            _MAX_HEADER_BYTES
        ):
            message = f"the answer's headers are longer than {_MAX_HEADER_BYTES} bytes"
            raise ToolError(message, code="fetch_too_large")
        if response.status_code in _REDIRECTS and "location" in response.headers:
            return _redirected(step, response)
        body = b""
        if step.method != "HEAD":
            body = await read_body(response, self._settings.max_body_bytes)
        content_type = response.headers.get("content-type", "")
        return WebAnswer(
            url=step.target.url,
            status=response.status_code,
            content_type=content_type,
            body=body,
            text=text_of(body, content_type),
            origin=f"web:{step.target.host}",
        )

    async def _certificates(self, target: WebAddress) -> ssl.SSLContext:
        if target.scheme == "http":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody and is not used
        if self._verify is None:
            self._verify = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        return self._verify


def _origin(asked: Sequence[str]) -> str | None:
    """Name the origin of a failure: places and broken answers are told in the server's words."""
    return f"web:{asked[-1]}" if asked else None


def _redirected(step: _Step, response: httpx.Response) -> _Step:
    """Make the next request of a redirect; raises ToolError when it must not be made."""
    places = set(response.headers.get_list("location"))
    if len(places) != 1:
        raise refused("it was redirected to several places at once")
    place = places.pop()
    target = read_url(place if _HAS_SCHEME.match(place) else urljoin(step.target.url, place))
    if step.target.scheme == "https" and target.scheme == "http":
        raise refused("it was redirected from https to http")
    status = response.status_code
    if step.method == "POST" and status in (301, 302, 303):
        headers = {name: text for name, text in step.headers.items() if name != "content-type"}
        step = replace(step, method="GET", body=b"", headers=headers)
    if target.origin != step.target.origin:
        if step.body:
            raise refused("it was redirected to another host, which is not sent the data")
        kept = {name: text for name, text in step.headers.items() if name in _FOR_EVERYBODY}
        step = replace(step, headers=kept)
    return replace(step, target=target)


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's headers with names in lower case; raises ToolError for unfit ones."""
    lower = {name.lower(): text for name, text in headers.items()}
    for name, text in lower.items():
        if name in _NOT_FOR_CALLERS or name.startswith(("proxy-", "x-forwarded", "forwarded")):
            raise refused(f"the header {name} is not for callers to set")
        if any(char in "\r\n\0" for char in name + text) or not (name + text).isascii():
            raise refused(f"the header {name!r} holds characters that headers do not have")
    if sum(len(name) + len(text) for name, text in lower.items()) > _MAX_HEADER_BYTES:
        raise refused("the headers are too long")
    return lower


def _complete(step: _Step) -> dict[str, str]:
    return {
        "host": step.target.netloc,
        "user-agent": f"ruster/{__version__}",
        "accept": "*/*",
        **step.headers,
        "accept-encoding": ACCEPTED_ENCODINGS,
        "connection": "close",
    }
