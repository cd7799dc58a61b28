"""Event servers, built from the settings; imported beside what else the daemon does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ruster.config.paths import Paths
from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.inbox import SessionInbox
from ruster.core.tasks import spawn
from ruster.core.tools import Tool, TurnScope
from ruster.proactive.servers.settings import ServerSettings
from ruster.storage.disk import Disk

if TYPE_CHECKING:
    from ruster.handlers.server import ServerHandlers
    from ruster.proactive.servers.delivery import RateLimited
    from ruster.proactive.servers.servers import EventServers
    from ruster.proactive.servers.tools import ServerTools
    from ruster.sessions.store import SessionStore

__all__ = ["EventParts", "EventServices"]

_log = structlog.stdlib.get_logger("ruster.servers")


@dataclass(frozen=True, slots=True)
class EventParts:
    """What event servers need of the rest of the house; ``notice`` tells a session something."""

    inbox: SessionInbox
    notice: Callable[[int, str, str, str], None]
    clock: Clock
    disk: Disk


@dataclass(frozen=True, slots=True)
class _Loaded:
    servers: EventServers
    tools: ServerTools


class EventServices:
    """Implements ``core.tools.ToolSource`` and ``core.ports.SessionState``."""

    def __init__(self, settings: ServerSettings, paths: Paths, parts: EventParts) -> None:
        self._settings = settings
        self._paths = paths
        self._parts = parts
        self._loading: asyncio.Task[_Loaded] | None = None

    def start(self) -> None:
        """Look for servers from now on."""
        if self._settings.enabled:
            self._load()

    async def servers(self) -> EventServers:
        """Return the event servers, once they are at hand; raises StorageError."""
        return (await asyncio.shield(self._load())).servers

    async def handlers(self, sessions: SessionStore) -> ServerHandlers:
        """Return the commands about event servers, imported when the first one comes."""
        servers = await self.servers()
        kind = await asyncio.to_thread(_handlers_type)
        return kind(sessions, servers, self._parts.clock)

    async def tools(self, scope: TurnScope) -> Sequence[Tool]:
        """Return the tools of the servers that a turn's session is attached to."""
        loading = self._loading
        if loading is None or not loading.done() or loading.exception() is not None:
            return ()
        return await loading.result().tools.tools(scope)

    async def forget(self, session_key: str) -> None:
        """Drop what is attached to a session that goes."""
        if self._loading is not None:
            await (await self.servers()).forget(session_key)

    async def aclose(self) -> None:
        """Break off all connections."""
        if self._loading is not None:
            with suppress(RusterError):
                await (await self._loading).servers.aclose()

    def _load(self) -> asyncio.Task[_Loaded]:
        if self._loading is None:
            self._loading = spawn(self._loaded(), name="event servers", log_failure=False)
        return self._loading

    async def _loaded(self) -> _Loaded:
        loaded = await asyncio.to_thread(self._build)
        try:
            await loaded.servers.start()
        except RusterError as error:
            _log.error("no_event_servers", why=error.message)
            raise
        return loaded

    def _build(self) -> _Loaded:
        """Import and make it all."""
        from ruster.proactive.servers.servers import EventServers, ServerParts
        from ruster.proactive.servers.tools import ServerTools

        parts = ServerParts(
            folder=self._paths.data / "servers",
            state_file=self._paths.state / "servers.json",
            inbox=self._parts.inbox,
            clock=self._parts.clock,
            disk=self._parts.disk,
            uid=os.geteuid(),
            limited=self._limited,
        )
        servers = EventServers(self._settings, parts)
        return _Loaded(servers, ServerTools(servers))

    def _limited(self, limited: RateLimited) -> None:
        """Say in a session that a server brings more than it may."""
        self._parts.notice(limited.owner, limited.session_id, "rate_limited", limited.message)


def _handlers_type() -> type[ServerHandlers]:
    from ruster.handlers.server import ServerHandlers

    return ServerHandlers
