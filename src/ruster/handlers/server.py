"""Event servers: server_list, server_get, server_attach, server_detach, server_send and
server_subscribe. For the daemon's own user and root: events are theirs.
"""

from __future__ import annotations

import asyncio
from functools import partial

from ruster.core.clock import Clock, rfc3339
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, owner_of, require_privilege
from ruster.proactive.servers.delivery import Outlet
from ruster.proactive.servers.known import KnownServer
from ruster.proactive.servers.registry import Attachment, DeliveryMode
from ruster.proactive.servers.servers import EventServers
from ruster.proactive.servers.wire import EventFrame
from ruster.protocol.codec import encode_event
from ruster.protocol.commands import (
    ServerAttach,
    ServerDetach,
    ServerGet,
    ServerList,
    ServerSend,
    ServerSubscribe,
    SessionCommand,
)
from ruster.protocol.events import (
    ServerAttached,
    ServerAttachment,
    ServerDetached,
    ServerEvent,
    ServerListing,
    ServerReplied,
    ServerReport,
    ServerSubscribed,
    ServerSummary,
    ServerToolSummary,
)
from ruster.sessions.store import SessionStore

__all__ = ["ServerHandlers"]


class ServerHandlers:
    """The commands about event servers."""

    def __init__(self, store: SessionStore, servers: EventServers, clock: Clock) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock

    async def list(self, caller: Caller, command: ServerList) -> None:
        """Tell which servers there are."""
        require_privilege(caller, "see event servers")
        summaries = [self._summary(known) for known in await self._servers.list()]
        caller.reply(ServerListing(servers=summaries), command)

    async def get(self, caller: Caller, command: ServerGet) -> None:
        """Tell all of one server."""
        require_privilege(caller, "see event servers")
        known = await self._servers.get(command.server)
        reply = ServerReport(
            server=self._summary(known),
            tools=[
                ServerToolSummary(
                    name=tool.name, description=tool.description, parameters=tool.parameters
                )
                for tool in known.tools
            ],
            attachments=[_attachment(outlet) for outlet in self._servers.outlets(known.name)],
            faults=known.faults,
            connections=known.connections,
            pending=known.pending,
        )
        caller.reply(reply, command)

    async def attach(self, caller: Caller, command: ServerAttach) -> None:
        """Bring a server's events to a session."""
        owner = await self._owner(caller, command)
        require_privilege(caller, "attach event servers")
        mode = DeliveryMode(command.mode.value)
        await self._servers.attach(Attachment(command.server, owner, command.session_id, mode))
        reply = ServerAttached(
            session_id=command.session_id, server=command.server, mode=mode.value
        )
        caller.reply(reply, command)

    async def detach(self, caller: Caller, command: ServerDetach) -> None:
        """Bring a server's events to a session no more."""
        owner = await self._owner(caller, command)
        require_privilege(caller, "detach event servers")
        done = await self._servers.detach(command.server, owner, command.session_id)
        reply = ServerDetached(session_id=command.session_id, server=command.server, detached=done)
        caller.reply(reply, command)

    async def send(self, caller: Caller, command: ServerSend) -> asyncio.Future[None]:
        """Ask a server; it may take a while."""
        if command.session_id is not None:
            named = SessionCommand(
                action=command.action, session_id=command.session_id, owner=command.owner
            )
            await self._owner(caller, named)
        require_privilege(caller, "ask event servers")
        task = spawn(self._send(caller, command), name="server send", log_failure=False)
        key = ("server_send", task)
        if caller.on_close is None:
            caller.on_close = {}
        caller.on_close[key] = partial(_cancel, task)
        task.add_done_callback(lambda _: (caller.on_close or {}).pop(key, None))
        return task

    async def subscribe(self, caller: Caller, command: ServerSubscribe) -> None:
        """Tell a client of a server's events as they come."""
        require_privilege(caller, "listen to event servers")
        await self._servers.get(command.server)
        key = ("server_subscribe", command.server)
        if not caller.closed and key not in (caller.on_close or {}):
            if caller.on_close is None:
                caller.on_close = {}
            caller.on_close[key] = self._servers.watch(command.server, partial(self._show, caller))
            caller.stays_open = True
        caller.reply(ServerSubscribed(server=command.server), command)

    async def _send(self, caller: Caller, command: ServerSend) -> None:
        payload = await self._servers.send(command.server, command.session_id, command.message)
        reply = ServerReplied(server=command.server, session_id=command.session_id, payload=payload)
        caller.reply(reply, command)

    def _show(self, caller: Caller, server: str, event: EventFrame) -> None:
        told = ServerEvent(
            server=server,
            time=rfc3339(self._clock.now()),
            session_id=event.session_id,
            payload=event.payload,
        )
        caller.deliver(encode_event(told))

    async def _owner(self, caller: Caller, command: SessionCommand) -> int:
        """Return whose session a command means; one of somebody else does not exist."""
        owner = owner_of(caller, command)
        await self._store.get(owner, command.session_id)
        return owner

    def _summary(self, known: KnownServer) -> ServerSummary:
        return ServerSummary(
            server=known.name,
            state=known.state.value,
            description=known.description,
            error=known.last_error,
            path=None if known.found is None else str(known.found.path),
            uid=known.uid,
            tools=len(known.tools),
            sessions=len(self._servers.outlets(known.name)),
            events=known.events,
        )


def _attachment(outlet: Outlet) -> ServerAttachment:
    it = outlet.attachment
    return ServerAttachment(
        session_id=it.session_id,
        owner=it.owner,
        mode=it.mode.value,
        delivered=outlet.delivered,
        dropped=outlet.dropped,
        failed=outlet.failed,
        waiting=outlet.waiting,
        error=outlet.last_error,
    )


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
