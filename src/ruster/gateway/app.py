"""The gateway as ASGI applications: routes behind the door.

The routes of the APIs come from outside, each package's own; here they only get what every route
has: who asks (``request.state.identity``), and errors as one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.gateway.access.answering import Send
from ruster.gateway.access.door import App, Door, DoorParts, Scope
from ruster.gateway.access.head import check_framing
from ruster.gateway.access.hosts import Hosts
from ruster.gateway.access.tokens import TokenBook
from ruster.gateway.front_page import FrontPage
from ruster.gateway.incoming import Receive
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import GatewaySettings
from ruster.gateway.ws.client import SocketParts
from ruster.gateway.ws.endpoint import SocketEndpoint

__all__ = ["AppParts", "build_app", "build_socket_app"]

_SOCKET_PATH = "/ws"


@dataclass(frozen=True, slots=True)
class AppParts:
    """What the gateway is made of. ``routes`` are those of all APIs, in the order they are tried;
    ``status_of`` is the HTTP status of an error of the tree that a route lets through."""

    settings: GatewaySettings
    hosts: Hosts
    front_page: FrontPage
    sockets: SocketParts
    routes: Sequence[BaseRoute]
    tokens: TokenBook
    privileged: frozenset[int]
    status_of: Callable[[RusterError], int]
    clock: Clock


def build_app(parts: AppParts) -> App:
    """Build what is served at ``addr``: the page, the APIs, and WebSockets at ``/ws``."""
    endpoint = SocketEndpoint(parts.sockets)
    routes = [
        *parts.front_page.routes(),
        *parts.routes,
        WebSocketRoute(_SOCKET_PATH, endpoint.serve),
        Route(_SOCKET_PATH, _upgrade_needed),
    ]
    return _behind_door(routes, parts)


def build_socket_app(parts: AppParts) -> App:
    """Build what is served at ``ws_addr``: WebSockets at ``/`` and ``/ws``, nothing else."""
    endpoint = SocketEndpoint(parts.sockets)
    paths = ("/", _SOCKET_PATH)
    routes: list[BaseRoute] = [WebSocketRoute(path, endpoint.serve) for path in paths]
    routes += [Route(path, _upgrade_needed) for path in paths]
    return _behind_door(routes, parts)


def _behind_door(routes: Sequence[BaseRoute], parts: AppParts) -> App:
    settings = parts.settings
    router = Router(routes, redirect_slashes=False, default=_no_route)
    checks = (
        lambda head: check_framing(head, settings.max_head_bytes, settings.max_headers),
        parts.hosts.check_host,
        parts.hosts.check_origin,
    )
    return Door(
        _translated(cast(App, router), parts.status_of),
        DoorParts(
            settings=settings,
            checks=checks,
            is_public=parts.front_page.is_public,
            tokens=parts.tokens,
            cookie=parts.front_page.cookie,
            privileged=parts.privileged,
            clock=parts.clock,
        ),
    )


def _translated(app: App, status_of: Callable[[RusterError], int]) -> App:
    """Have every failure of a route be one that the door can tell."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except HTTPException as error:
            raise Refusal(error.status_code, "invalid_request", error.detail) from error
        except RusterError as error:
            raise Refusal(status_of(error), error.code, error.message) from error
        except (ClientDisconnect, WebSocketDisconnect):
            return

    return call


async def _no_route(scope: object, receive: object, send: object) -> None:
    raise Refusal(404, "not_found", "there is nothing at this path")


async def _upgrade_needed(request: Request) -> Response:
    raise Refusal(426, "upgrade_required", "this path is for WebSockets")
