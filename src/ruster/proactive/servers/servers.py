"""Event servers as a whole: found, kept connected, attached to sessions, asked, listened to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import JobError, SessionError
from ruster.core.inbox import SessionInbox
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.servers.delivery import DeliveryParts, Outlet, RateLimited, text_of
from ruster.proactive.servers.discovery import Found, SharedFolder, find_servers
from ruster.proactive.servers.known import KnownServer
from ruster.proactive.servers.link import LinkParts
from ruster.proactive.servers.registry import Attachment, AttachmentFile
from ruster.proactive.servers.settings import ServerSettings
from ruster.proactive.servers.wire import EventFrame
from ruster.storage.disk import Disk
from ruster.storage.files import make_private_folder

__all__ = ["EventServers", "ServerParts", "Watcher"]

_log = structlog.stdlib.get_logger("ruster.servers")
_Key = tuple[str, int, str]
Watcher = Callable[[str, EventFrame], None]
"""Is told of every event of a server it watches, with the server's name."""


def _nobody(_limited: RateLimited) -> None:
    return


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What event servers need of the rest of the house.

    ``folder`` is where they are looked for, ``state_file`` where attachments are kept; ``uid`` is
    the daemon's own. ``limited`` is told when a server brings too much.
    """

    folder: Path
    state_file: Path
    inbox: SessionInbox
    clock: Clock
    disk: Disk
    uid: int
    limited: Callable[[RateLimited], None] = _nobody


class EventServers:
    """Implements ``core.ports.SessionState``: what a session has goes with it."""

    def __init__(self, settings: ServerSettings, parts: ServerParts) -> None:
        self._settings = settings
        self._parts = parts
        own = frozenset({parts.uid, 0})
        self._own_uids = own
        self._links = LinkParts(settings, parts.clock, own)
        self._delivery = DeliveryParts(settings, parts.clock, parts.inbox, parts.limited)
        self._file = AttachmentFile(parts.state_file, parts.disk)
        self._known: dict[str, KnownServer] = {}
        self._outlets: dict[_Key, Outlet] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._looking = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._warned = ""

    # Starting and stopping

    async def start(self) -> None:
        """Read what is attached, and begin to look for servers; raises StorageError.

        Nothing may be attached before.
        """
        if not self._settings.enabled:
            return
        kept = await asyncio.to_thread(self._prepare)
        for attachment in kept:
            self._outlets[attachment.key] = Outlet(attachment, self._delivery)
        self._task = spawn(self._look_again(), name="event servers")

    async def aclose(self) -> None:
        """Break off all connections."""
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None
        await asyncio.gather(*(known.aclose() for known in self._known.values()))
        await asyncio.gather(*(outlet.aclose() for outlet in self._outlets.values()))

    def _prepare(self) -> list[Attachment]:
        make_private_folder(self._parts.folder)
        return self._file.read(self._settings.max_attachments)

    # Asking

    async def list(self) -> Sequence[KnownServer]:
        """Return the servers there are, and those that sessions are attached to, by name."""
        await self._look()
        for server in {outlet.attachment.server for outlet in self._outlets.values()}:
            self._of(server)
        return [known for _, known in sorted(self._known.items())]

    async def get(self, server: str) -> KnownServer:
        """Return a server; raises JobError (``server_not_found``)."""
        known = self._known.get(server)
        if known is None or known.found is None:
            await self._look()
            known = self._known.get(server)
        if known is not None and known.found is not None:
            return known
        if any(outlet.attachment.server == server for outlet in self._outlets.values()):
            return self._of(server)
        raise JobError(
            f"no event server {server!r} is there; it must listen on "
            f"{self._parts.folder / server}.sock",
            code="server_not_found",
        )

    def known(self, server: str) -> KnownServer | None:
        """Return what is known of a server without looking for it."""
        return self._known.get(server)

    def outlets(
        self, server: str | None = None, session_key: str | None = None
    ) -> Sequence[Outlet]:
        """Return the ways of a server into sessions, or of all servers into one session."""
        return [
            outlet
            for _, outlet in sorted(self._outlets.items())
            if server in (None, outlet.attachment.server)
            and session_key in (None, outlet.attachment.session_key)
        ]

    async def send(self, server: str, session_id: str | None, message: str) -> Any:
        """Ask a server and return what it replies.

        Raises JobError: ``server_not_found``, ``server_busy``, ``server_failed``,
        ``message_too_large``.
        """
        return await (await self.get(server)).request(session_id, message=message)

    def watch(self, server: str, watcher: Watcher) -> Callable[[], None]:
        """Have a watcher told of a server's events; return what ends that."""
        self._watchers.setdefault(server, []).append(watcher)

        def leave() -> None:
            watchers = self._watchers.get(server, [])
            with contextlib.suppress(ValueError):
                watchers.remove(watcher)
            if not watchers:
                self._watchers.pop(server, None)

        return leave

    # Attaching

    async def attach(self, attachment: Attachment) -> None:
        """Bring a server's events to a session from now on, or change how; it is kept.

        Raises JobError (``server_not_found``, ``job_limit``), SessionError (``not_permitted``) or
        StorageError.
        """
        if attachment.owner not in self._own_uids:
            raise SessionError(
                "events are for sessions of the daemon's own user and root", code="not_permitted"
            )
        known = self._outlets.get(attachment.key)
        if known is None:
            await self.get(attachment.server)
        async with self._changing:
            self._check_count(attachment)
            await self._write({**self._attachments(), attachment.key: attachment})
            outlet = self._outlets.get(attachment.key)
            if outlet is None:
                self._outlets[attachment.key] = Outlet(attachment, self._delivery)
            else:
                outlet.attachment = attachment

    async def detach(self, server: str, owner: int, session_id: str) -> bool:
        """Bring a server's events to a session no more; return whether it was attached.

        Raises StorageError.
        """
        return await self._drop([(server, owner, session_id)])

    async def forget(self, session_key: str) -> None:
        """Detach a session that goes from everything; raises StorageError."""
        await self._drop([outlet.attachment.key for outlet in self.outlets(None, session_key)])

    async def _drop(self, keys: Sequence[_Key]) -> bool:
        async with self._changing:
            gone = [key for key in keys if key in self._outlets]
            if not gone:
                return False
            left = {k: it for k, it in self._attachments().items() if k not in gone}
            await self._write(left)
            outlets = [self._outlets.pop(key) for key in gone]
        for outlet in outlets:
            await outlet.aclose()
        return True

    def _attachments(self) -> dict[_Key, Attachment]:
        return {key: outlet.attachment for key, outlet in self._outlets.items()}

    async def _write(self, attachments: dict[_Key, Attachment]) -> None:
        await self._file.write(it for _, it in sorted(attachments.items()))

    def _check_count(self, attachment: Attachment) -> None:
        most = self._settings.max_attachments
        if attachment.key not in self._outlets and len(self._outlets) >= most:
            raise JobError(
                f"servers are attached {most} times already; detach some", code="job_limit"
            )

    # Events

    def _took(self, server: str, event: EventFrame) -> None:
        """Hand an event to the sessions it is for, and to all who watch."""
        for watcher in tuple(self._watchers.get(server, ())):
            watcher(server, event)
        meant = [
            outlet
            for outlet in self._outlets.values()
            if outlet.attachment.server == server
            and event.session_id in (None, outlet.attachment.session_id)
        ]
        if meant:
            text = text_of(event.payload, self._settings.event_bytes)
            for outlet in meant:
                outlet.offer(text)

    # Looking

    async def _look_again(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._settings.scan_interval_s)

    async def _look(self) -> None:
        """Find what is there now."""
        if self._task is None:
            return
        async with self._looking:
            try:
                found = await asyncio.to_thread(
                    find_servers, self._parts.folder, self._settings.dirs, self._links.uids
                )
                problem = ""
            except SharedFolder:
                found = {}
                problem = f"others can write to {self._parts.folder}; do: chmod 700 it"
            kept = dict(list(found.items())[: self._settings.max_servers])
            if len(kept) < len(found):
                problem = f"{len(found)} event servers are there; {len(kept)} are connected"
            self._warn(problem)
            await self._take_up(kept)

    async def _take_up(self, found: dict[str, Found]) -> None:
        for name, known in tuple(self._known.items()):
            if name not in found:
                await known.vanished()
        for name, server in found.items():
            self._of(name).appeared(server)
        missing = [name for name, known in self._known.items() if known.found is None]
        for name in missing[: max(0, len(self._known) - 2 * self._settings.max_servers)]:
            del self._known[name]

    def _of(self, server: str) -> KnownServer:
        known = self._known.get(server)
        if known is None:
            known = self._known[server] = KnownServer(server, self._links, self._took)
        return known

    def _warn(self, problem: str) -> None:
        if problem and problem != self._warned:
            _log.warning("event_servers", problem=problem)
        self._warned = problem
