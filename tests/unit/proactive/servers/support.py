"""Real sockets, good and bad, and the daemon's side of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruster.core.clock import Clock, SystemClock
from ruster.core.tools import TurnScope
from ruster.proactive.servers.delivery import RateLimited
from ruster.proactive.servers.known import KnownServer, ServerState
from ruster.proactive.servers.registry import Attachment, DeliveryMode
from ruster.proactive.servers.servers import EventServers, ServerParts
from ruster.proactive.servers.settings import ServerSettings
from ruster.storage.disk import Disk
from tests.fakes.inbox import InboxRecorder

UID = os.geteuid()
QUICK: dict[str, Any] = {
    "scan_interval_s": 0.05,
    "reconnect_s": 0.05,
    "hello_timeout_s": 0.3,
    "reply_timeout_s": 0.3,
    "quarantine_s": 60.0,
}


@dataclass
class House:
    """Event servers over an inbox that records."""

    servers: EventServers
    inbox: InboxRecorder
    folder: Path
    limited: list[RateLimited] = field(default_factory=list)

    async def attach(
        self, server: str, session_id: str = "work", mode: DeliveryMode = DeliveryMode.NEXT_TURN
    ) -> None:
        await self.servers.attach(Attachment(server, UID, session_id, mode))

    async def known(self, name: str, state: ServerState) -> KnownServer:
        """Return a server as soon as it is in a state."""
        async with asyncio.timeout(10):
            while True:
                for known in await self.servers.list():
                    if known.name == name and known.state is state:
                        return known
                await asyncio.sleep(0.01)

    async def connected(self, name: str) -> KnownServer:
        return await self.known(name, ServerState.CONNECTED)


@asynccontextmanager
async def house(
    folder: Path, *, clock: Clock | None = None, disk: Disk | None = None, **settings: Any
) -> AsyncIterator[House]:
    limited: list[RateLimited] = []
    inbox = InboxRecorder()
    (folder / "state").mkdir(exist_ok=True)
    parts = ServerParts(
        folder=folder / "servers",
        state_file=folder / "state" / "servers.json",
        inbox=inbox,
        clock=clock or SystemClock(),
        disk=disk or Disk(),
        uid=UID,
        limited=limited.append,
    )
    servers = EventServers(ServerSettings(**(QUICK | settings)), parts)
    await servers.start()
    try:
        yield House(servers, inbox, folder / "servers", limited)
    finally:
        await servers.aclose()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(path: Path, behave: Behaviour) -> AsyncIterator[list[int]]:
    """Listen on a path and do as told with each connection; yield how many came, as one number."""
    count = [0]
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count[0] += 1
        writers.append(writer)
        try:
            await behave(reader, writer)
            while await reader.read(65536):
                pass
        except OSError:
            pass
        finally:
            writer.close()

    path.parent.mkdir(mode=0o700, exist_ok=True)
    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield count
    finally:
        server.close()
        for writer in writers:
            writer.close()
        path.unlink(missing_ok=True)
        await asyncio.sleep(0)


def frame(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def hello(name: str, **more: Any) -> bytes:
    return frame(type="hello", name=name, **more)


def scope(folder: Path, session_id: str = "work", *, privileged: bool = True) -> TurnScope:
    return TurnScope(
        session_id=session_id,
        session_key=f"{UID}/{session_id}",
        turn=f"t-{session_id}",
        owner=UID,
        privileged=privileged,
        folder=folder,
    )
