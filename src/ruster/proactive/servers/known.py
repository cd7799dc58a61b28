"""A server that was found: kept connected, and what is known of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import structlog

from ruster.core.errors import JobError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.servers.discovery import Found
from ruster.proactive.servers.link import Link, LinkEnded, LinkParts
from ruster.proactive.servers.pauses import Pauses
from ruster.proactive.servers.wire import EventFrame, OfferedTool

__all__ = ["KnownServer", "ServerState"]

_log = structlog.stdlib.get_logger("ruster.servers")


class ServerState(StrEnum):
    """How things stand with a server."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    """It failed, and is tried again after a while."""
    QUARANTINED = "quarantined"
    """It broke the rules, and is left alone for a while."""
    MISSING = "missing"
    """Its socket is not there."""


class KnownServer:
    """Connects, and connects again; ``take`` gets every event."""

    def __init__(
        self, name: str, parts: LinkParts, take: Callable[[str, EventFrame], None]
    ) -> None:
        self.name = name
        self.found: Found | None = None
        self.state = ServerState.MISSING
        self.description = ""
        self.uid: int | None = None
        self.events = 0
        self.connections = 0
        self._error: str | None = None
        self._faults = 0
        self._parts = parts
        self._take = take
        self._pauses = Pauses(parts.settings, parts.clock)
        self._link: Link | None = None
        self._tools: tuple[OfferedTool, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._now = asyncio.Event()
        self._settled = asyncio.Event()
        """Set unless a connection is being made for the first time, or anew."""
        self._settled.set()

    @property
    def pending(self) -> int:
        """Requests that wait for an answer."""
        return 0 if self._link is None else self._link.pending

    @property
    def faults(self) -> int:
        """Lines that broke the format."""
        return self._faults + (0 if self._link is None else self._link.faults)

    @property
    def last_error(self) -> str | None:
        """What went wrong last, since it was connected."""
        return (None if self._link is None else self._link.last_fault) or self._error

    @property
    def tools(self) -> tuple[OfferedTool, ...]:
        """The tools it offers now; those of other users' programs do not count."""
        own = self.uid in self._parts.own_uids
        return self._tools if own and self._link is not None else ()

    def appeared(self, found: Found) -> None:
        """Keep it connected; when it was started anew, try at once."""
        if self.found is not None and self.found.stamp != found.stamp:
            self._pauses.cut_short()
            self._now.set()
            if self._link is not None:  # much of what the old one sent may be unread still
                self._link.close()
        self.found = found
        if self._task is None:
            self._settled.clear()
            self._task = spawn(self._keep(), name=f"event server {self.name}")

    async def vanished(self) -> None:
        """Let go of it until it appears again, unless it is still connected."""
        if self._link is not None:
            return
        await self.aclose()
        self.found = None
        self.state = ServerState.MISSING

    async def request(self, session_id: str | None, **what: Any) -> Any:
        """Ask the server; see ``Link.request``. A connection that is being made is waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._parts.settings.hello_timeout_s):
                await self._settled.wait()
        if self._link is None:
            why = f": {self.last_error}" if self.last_error else ""
            raise JobError(
                f"the event server {self.name!r} is not connected{why}",
                code="server_failed",
                retryable=True,
            )
        return await self._link.request(session_id, **what)

    async def aclose(self) -> None:
        """End the connection and all trying."""
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None

    async def _keep(self) -> None:
        while True:
            await self._pause()
            assert self.found is not None
            self.state = ServerState.CONNECTING
            self._settled.clear()
            try:
                link = await Link.open(self.found, self._parts)
                await self._stay(link)
            except LinkEnded as end:
                self._ended(end)

    async def _stay(self, link: Link) -> None:
        """Read what a connected server sends until that ends; raises LinkEnded."""
        began = self._parts.clock.monotonic()
        self._link = link
        self._tools, self.description, self.uid = link.hello.tools, link.hello.description, link.uid
        self.state, self._error = ServerState.CONNECTED, None
        self.connections += 1
        self._settled.set()
        _log.info("event_server_connected", server=self.name, uid=link.uid)
        try:
            await link.run(self._received)
        except LinkEnded as end:
            if not end.guilty:
                self._pauses.after_success(self._parts.clock.monotonic() - began)
            raise
        finally:
            self._faults += link.faults
            self._link = None
            link.close()

    def _received(self, event: EventFrame) -> None:
        self.events += 1
        self._take(self.name, event)

    def _ended(self, end: LinkEnded) -> None:
        self._error = end.reason
        if end.guilty:
            self._pauses.after_fault()
            _log.warning("event_server_quarantined", server=self.name, why=end.reason)
        else:
            self._pauses.after_failure()
            _log.info("event_server_lost", server=self.name, why=end.reason)

    async def _pause(self) -> None:
        """Wait until the server may be tried again."""
        while (left_s := self._pauses.left_s) > 0:
            waits = ServerState.QUARANTINED if self._pauses.quarantined else ServerState.WAITING
            self.state = waits
            self._settled.set()
            self._now.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._now.wait()
            except TimeoutError:
                return
