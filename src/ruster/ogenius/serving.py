"""The gateway over an engine of our own: no daemon, so no agent and no sessions.

The composition root of ``ogenius serve``. Who may ask, and how, is the gateway's matter.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pydantic import ValidationError

from ruster.core.clock import SystemClock
from ruster.core.errors import ConfigError, SessionError
from ruster.gateway.settings import GatewaySettings
from ruster.ogenius.served import ServedModels
from ruster.storage.disk import Disk
from ruster.storage.files import make_private_folder

if TYPE_CHECKING:
    from ruster.gateway.api.parts import ApiParts
    from ruster.gateway.page_files import PageFile
    from ruster.gateway.serving import GatewayParts

__all__ = ["Served", "gateway_settings", "serving"]

_LABEL = "ogenius serve"


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that listens. ``link`` lets one browser in, ``token`` any program."""

    url: str
    socket_url: str
    link: str
    token: str


def gateway_settings(own: GatewaySettings, addr: str, ws_addr: str) -> GatewaySettings:
    """Return the settings with these addresses; raises ConfigError for what is not safe."""
    given = {"enabled": True, "addr": addr, "ws_addr": ws_addr}
    try:
        return GatewaySettings.model_validate(own.model_dump() | given)
    except ValidationError as error:
        why = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ConfigError(f"[gateway]: {why.removeprefix('Value error, ')}") from None


@asynccontextmanager
async def serving(
    settings: GatewaySettings,
    models: ServedModels,
    model: str,
    tokens_file: Path,
    patience_s: float,
) -> AsyncIterator[Served]:
    """Listen while entered; ``model`` answers those who name none.

    Leaving lets answers under way finish for ``patience_s``, and ends the token. Raises ConfigError
    that names the extra, and RusterError for an address that is taken.
    """
    try:
        from ruster.gateway.serving import Gateway
    except ImportError as error:
        raise ConfigError(
            "the HTTP server is not installed: pip install 'ruster[gateway]'"
        ) from error
    parts = _parts(settings, models, model, tokens_file)
    make_private_folder(tokens_file.parent)
    parts.tokens.open()
    gateway = Gateway(parts)
    await gateway.start()
    uid = os.geteuid()
    try:
        token, text = await parts.tokens.add(uid, _LABEL)
        try:
            secret, _ = parts.links.make(uid)
            link = f"{gateway.url}/?link={secret}"
            yield Served(gateway.url, gateway.socket_url, link, text)
            gateway.stop_accepting()
            await gateway.drain(patience_s)
        finally:
            await parts.tokens.revoke(token.id)
    finally:
        await gateway.aclose()


def _parts(
    settings: GatewaySettings, models: ServedModels, model: str, tokens_file: Path
) -> GatewayParts:
    from ruster.gateway.access.links import Links
    from ruster.gateway.access.tokens import TokenBook
    from ruster.gateway.api.failures import status_of
    from ruster.gateway.apis import all_routes
    from ruster.gateway.serving import GatewayParts
    from ruster.gateway.ws.client import SocketParts
    from ruster.gateway.ws.inference import InferenceParts

    clock = SystemClock()
    inference = InferenceParts(models, lambda: model, models.genius.is_here)
    return GatewayParts(
        settings=settings,
        tokens=TokenBook(tokens_file, Disk(), clock),
        links=Links(clock),
        sockets=SocketParts(settings, _no_daemon, inference),
        routes=lambda socket_url: all_routes(_api_parts(settings, models, model, socket_url)),
        privileged=frozenset({os.geteuid(), 0}),
        status_of=status_of,
        clock=clock,
        page=_page,
        how_to_move=lambda name: f"choose another with --{name.replace('_', '-')}",
    )


def _api_parts(
    settings: GatewaySettings, models: ServedModels, model: str, socket_url: str
) -> ApiParts:
    from ruster.gateway.api.parts import ApiParts

    return ApiParts(
        settings=settings,
        models=models,
        reading=models,
        default_model=lambda: model,
        full_name=models.genius.full_name,
        engine=models,
        clock=SystemClock(),
        socket_url=socket_url,
        counts=models.counts,
        is_here=models.genius.is_here,
    )


def _page(socket_port: int) -> dict[str, PageFile]:
    """Return our own page (blocks): that of the daemon is about sessions."""
    from ruster.gateway.page_files import page_file

    data = (resources.files("ruster.ogenius") / "page" / "index.html").read_bytes()
    return {"/": page_file(data.replace(b"{socket_port}", str(socket_port).encode()))}


async def _no_daemon(client: object, command: object) -> NoReturn:
    raise SessionError(
        "ogenius has models and no sessions: start ruster for those, or send "
        '{"prompt": "…", "model": "…"} here',
        code="no_daemon",
    )
