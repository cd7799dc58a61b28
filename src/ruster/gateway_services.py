"""The gateway, built from the settings; its libraries are imported only when it is enabled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ruster.config.paths import Paths
from ruster.core.clock import Clock
from ruster.core.errors import ConfigError, GatewayError, RusterError
from ruster.core.findings import Finding
from ruster.core.ports import ChatModels
from ruster.core.tasks import spawn
from ruster.gateway.settings import GatewaySettings
from ruster.storage.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.routing import BaseRoute

    from ruster.gateway.access.links import Links
    from ruster.gateway.access.tokens import TokenBook
    from ruster.gateway.api.parts import AgentTurns, ApiParts, EngineControl, ReadingModels
    from ruster.gateway.serving import Gateway
    from ruster.handlers.dispatcher import Dispatcher
    from ruster.handlers.gateway import GatewayHandlers

__all__ = ["GatewayNeeds", "GatewayServices"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_OFF = "the gateway is off: set enabled = true in [gateway] and start the daemon anew"


@dataclass(frozen=True, slots=True)
class GatewayNeeds:
    """What the gateway needs of the rest of the house. ``dispatcher`` handles commands;
    ``is_here`` says whether a model can answer without a download."""

    models: ChatModels
    agents: AgentTurns
    counts: Callable[[], Awaitable[dict[str, float]]]
    default_model: Callable[[], str]
    is_here: Callable[[str], Awaitable[bool]]
    reading: ReadingModels
    full_name: Callable[[str], str]
    engine: EngineControl
    dispatcher: Callable[[], Dispatcher]
    clock: Clock
    disk: Disk


@dataclass(frozen=True, slots=True)
class _Running:
    gateway: Gateway
    tokens: TokenBook
    links: Links


class GatewayServices:
    """The gateway beside what else the daemon does: that it cannot listen stops nothing else."""

    def __init__(self, settings: GatewaySettings, paths: Paths, needs: GatewayNeeds) -> None:
        self._settings = settings
        self._path = paths.config / "gateway.tokens.json"
        self._needs = needs
        self._starting: asyncio.Task[_Running] | None = None

    def start(self) -> None:
        """Begin to listen, if it is enabled."""
        if self._settings.enabled and self._starting is None:
            self._starting = spawn(self._start(), name="gateway", log_failure=False)

    async def running(self) -> Gateway:
        """Return the gateway once it listens; raises GatewayError."""
        return (await self._running()).gateway

    async def handlers(self) -> GatewayHandlers:
        """Return the commands about tokens; raises GatewayError when it does not listen."""
        from ruster.handlers.gateway import GatewayHandlers

        it = await self._running()
        return GatewayHandlers(it.tokens, it.links, lambda: it.gateway.url, self._needs.clock)

    async def check(self) -> Finding:
        """Tell a doctor whether it listens."""
        if not self._settings.enabled:
            return Finding("ok", "off")
        try:
            gateway = await self.running()
        except GatewayError as error:
            return Finding("missing", error.message)
        found = f"listens on {gateway.url} and {gateway.socket_url}"
        if self._settings.allow_insecure_remote and self._settings.tls_cert is None:
            return Finding(
                "warning", f"{found}, without TLS", "Whoever can listen in can take tokens"
            )
        return Finding("ok", found)

    async def drain(self, patience_s: float) -> None:
        """Take no new connections and let answers under way finish."""
        with suppress(RusterError):
            if self._starting is not None:
                gateway = await self.running()
                gateway.stop_accepting()
                await gateway.drain(patience_s)

    async def aclose(self) -> None:
        """End all connections."""
        with suppress(RusterError):
            if self._starting is not None:
                await (await self.running()).aclose()

    async def _running(self) -> _Running:
        if self._starting is None:
            raise GatewayError(_OFF, code="gateway_off")
        try:
            return await asyncio.shield(self._starting)
        except GatewayError:
            raise
        except RusterError as error:
            raise GatewayError(f"the gateway does not listen: {error.message}") from error

    async def _start(self) -> _Running:
        try:
            running = await asyncio.to_thread(self._build)
            await asyncio.to_thread(running.tokens.open)
            await running.gateway.start()
        except RusterError as error:
            _log.error("no_gateway", code=error.code, why=error.message)
            raise
        _log.info("gateway", url=running.gateway.url, sockets=running.gateway.socket_url)
        return running

    def _build(self) -> _Running:
        """Import and make it all; raises ConfigError that names the extra."""
        try:
            from ruster.gateway.serving import Gateway, GatewayParts
        except ImportError as error:
            raise ConfigError(
                "the HTTP server is not installed: pip install 'ruster[gateway]'"
            ) from error
        from ruster.gateway.access.links import Links
        from ruster.gateway.access.tokens import TokenBook
        from ruster.gateway.api.failures import status_of
        from ruster.gateway.ws.client import SocketParts
        from ruster.gateway.ws.inference import InferenceParts

        needs = self._needs
        tokens = TokenBook(self._path, needs.disk, needs.clock)
        links = Links(needs.clock)
        parts = GatewayParts(
            settings=self._settings,
            tokens=tokens,
            links=links,
            sockets=SocketParts(
                settings=self._settings,
                dispatch=needs.dispatcher(),
                inference=InferenceParts(needs.models, needs.default_model, needs.is_here),
            ),
            routes=self._routes,
            privileged=frozenset({os.geteuid(), 0}),
            status_of=status_of,
            clock=needs.clock,
        )
        return _Running(Gateway(parts), tokens, links)

    def _routes(self, socket_url: str) -> Sequence[BaseRoute]:
        """Return the routes of all APIs. An API is one line here."""
        from ruster.gateway.apis import all_routes

        return all_routes(self._api_parts(socket_url))

    def _api_parts(self, socket_url: str) -> ApiParts:
        from ruster.gateway.api.parts import ApiParts

        needs = self._needs
        return ApiParts(
            settings=self._settings,
            models=needs.models,
            reading=needs.reading,
            default_model=needs.default_model,
            full_name=needs.full_name,
            engine=needs.engine,
            clock=needs.clock,
            socket_url=socket_url,
            counts=needs.counts,
            dispatch=needs.dispatcher(),
            is_here=needs.is_here,
            agents=needs.agents,
        )
