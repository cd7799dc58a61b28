"""A client as plain as ``nc -U``: lines out, lines in. For tests that look at the wire itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["RawClient"]

_LINE_LIMIT = 8 << 20


class RawClient:
    """``async with RawClient(path) as client``; every wait has a bound."""

    def __init__(self, path: Path, timeout_s: float = 20.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> RawClient:
        self.reader, self.writer = await asyncio.open_unix_connection(
            str(self._path), limit=_LINE_LIMIT
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, command: dict[str, Any] | bytes) -> None:
        """Send a command, or bytes as they are."""
        data = command if isinstance(command, bytes) else json.dumps(command).encode() + b"\n"
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> bytes:
        """Return the next line with its newline; empty when the daemon closed the connection."""
        async with asyncio.timeout(self._timeout_s):
            return await self.reader.readline()

    async def event(self, *kinds: str) -> dict[str, Any]:
        """Return the next event, or the next of one of ``kinds``, skipping others."""
        while line := await self.line():
            event: dict[str, Any] = json.loads(line)
            if not kinds or event["event"] in kinds:
                return event
        raise ConnectionError("the daemon closed the connection")

    async def ask(self, command: dict[str, Any], *kinds: str) -> dict[str, Any]:
        """Send a command and return the next event (of ``kinds``)."""
        await self.send(command)
        return await self.event(*kinds)

    async def turn(self) -> list[dict[str, Any]]:
        """Return all events up to a turn's end: ``response`` done, ``cancelled`` or ``error``."""
        events = []
        while True:
            events.append(await self.event())
            last = events[-1]
            if last["event"] in ("cancelled", "error") or last.get("done"):
                return events

    async def say(self, session_id: str, message: str, **fields: Any) -> str:
        """Send a message and return the whole answer."""
        command = {"action": "send", "session_id": session_id, "message": message}
        await self.send(command | fields)
        pieces = [e for e in await self.turn() if e["event"] == "response" and "phase" not in e]
        return "".join(piece["delta"] for piece in pieces)
