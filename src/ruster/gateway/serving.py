"""The gateway while it runs: both addresses bound, served, and stopped in order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from socket import socket

from starlette.routing import BaseRoute

from ruster.core.clock import Clock
from ruster.core.errors import ConfigError, RusterError
from ruster.gateway.access.hosts import Hosts
from ruster.gateway.access.links import Links
from ruster.gateway.access.proof import Cookie
from ruster.gateway.access.tokens import TokenBook
from ruster.gateway.app import AppParts, build_app, build_socket_app
from ruster.gateway.front.crowd import Crowd
from ruster.gateway.front.server import Front
from ruster.gateway.front_page import FrontPage
from ruster.gateway.guard import is_loopback
from ruster.gateway.listening import bind, parse_address
from ruster.gateway.page_files import PageFile, read_page
from ruster.gateway.settings import GatewaySettings
from ruster.gateway.ws.client import SocketParts

__all__ = ["Gateway", "GatewayParts"]


def _page(socket_port: int) -> Mapping[str, PageFile]:
    return read_page()


def _in_settings(name: str) -> str:
    return f"choose another {name} in [gateway]"


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the gateway needs of the rest of the house; see ``AppParts``."""

    settings: GatewaySettings
    tokens: TokenBook
    links: Links
    sockets: SocketParts
    routes: Callable[[str], Sequence[BaseRoute]]
    """Makes the routes of the APIs, told the address for WebSockets (``ws://host:port``)."""
    privileged: frozenset[int]
    status_of: Callable[[RusterError], int]
    clock: Clock
    page: Callable[[int], Mapping[str, PageFile]] = _page
    """Reads the page's files (blocks), told the port of ``ws_addr``."""
    how_to_move: Callable[[str], str] = _in_settings
    """Says what to do about an address that is taken, given its name."""


class Gateway:
    """Listens from ``start`` to ``aclose``. ``url`` is where people go, ``socket_url`` the address
    for WebSockets alone."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts
        self._fronts: tuple[Front, ...] = ()
        self.url = ""
        self.socket_url = ""

    async def start(self) -> None:
        """Take both addresses and serve; raises ConfigError and RusterError (``socket_taken``)."""
        settings = self._parts.settings
        tls = await asyncio.to_thread(_tls, settings)
        with ExitStack() as stack:
            bound = [
                stack.enter_context(bind(parse_address(text), self._parts.how_to_move(name)))
                for name, text in (("addr", settings.addr), ("ws_addr", settings.ws_addr))
            ]
            self._name(bound, secure=tls is not None)
            ports = [it.getsockname()[1] for it in bound]
            files = await asyncio.to_thread(self._parts.page, ports[1]) if settings.page else {}
            page = FrontPage(
                files=files,
                links=self._parts.links,
                tokens=self._parts.tokens,
                cookie=Cookie(ports[0], secure=tls is not None),
                socket_port=ports[1],
            )
            app_parts = self._app_parts(page, bound)
            no_page = replace(page, files={}, is_bare=True)
            crowd = Crowd(settings.max_connections, settings.max_connections_per_address)
            fronts = (
                Front(build_app(app_parts), settings, crowd),
                Front(build_socket_app(replace(app_parts, front_page=no_page)), settings, crowd),
            )
            for front, sock in zip(fronts, bound, strict=True):
                await front.start(sock, tls)
            self._fronts = fronts
            stack.pop_all()

    def stop_accepting(self) -> None:
        """Take no new connections."""
        for front in self._fronts:
            front.stop_accepting()

    async def drain(self, patience_s: float) -> None:
        """Let answers under way finish."""
        await asyncio.gather(*(front.drain(patience_s) for front in self._fronts))

    async def aclose(self) -> None:
        """End all connections."""
        await asyncio.gather(*(front.aclose() for front in self._fronts))

    def _name(self, bound: Sequence[socket], *, secure: bool) -> None:
        letter = "s" if secure else ""
        self.url = f"http{letter}://{_shown(bound[0])}"
        self.socket_url = f"ws{letter}://{_shown(bound[1])}"

    def _app_parts(self, page: FrontPage, bound: Sequence[socket]) -> AppParts:
        parts = self._parts
        return AppParts(
            settings=parts.settings,
            hosts=Hosts(
                allowed=parts.settings.allowed_hosts,
                local=all(is_loopback(it.getsockname()[0]) for it in bound),
                ports=[it.getsockname()[1] for it in bound],
            ),
            front_page=page,
            sockets=parts.sockets,
            routes=parts.routes(self.socket_url),
            tokens=parts.tokens,
            privileged=parts.privileged,
            status_of=parts.status_of,
            clock=parts.clock,
        )


def _shown(bound: socket) -> str:
    """Write an address as one can go there from this machine."""
    host, port = bound.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    """Read the certificate (blocks); raises ConfigError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"tls_cert and tls_key in [gateway] cannot be used: {error.strerror or error}"
        ) from error
    return context
