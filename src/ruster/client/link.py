"""One connection to the daemon: commands out, their replies back, everything else handed on.

A link that is lost stays lost; ``uplink`` makes the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruster.client.failures import failure_of
from ruster.client.lines import Lines, encode_command
from ruster.core.errors import DaemonUnreachable, ProtocolError, RusterError
from ruster.core.ids import new_id
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.events import ErrorEvent, ProgressEvent
from ruster.protocol.parsed import ParsedEvent, decode_event

__all__ = ["Link", "LinkLost"]

_CHUNK_BYTES = 256 * 1024
_UNREADABLE = ("invalid_json", "line_too_long")


class LinkLost(Exception):
    """The connection ended before the reply came."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A command whose reply has not come yet."""

    reply: asyncio.Future[ParsedEvent]
    line_bytes: int
    watch: Callable[[ProgressEvent], None] | None


class Link:
    """``link = await Link.open(path, receive, lost)``; ``receive`` gets every event in order.

    ``failure`` is the daemon's last word on the connection itself, if it had one.
    """

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        receive: Callable[[ParsedEvent], Awaitable[None]],
        lost: Callable[[Link], None],
    ) -> None:
        self._reader, self._writer = streams
        self._receive = receive
        self._lost = lost
        self._prefix = new_id("c")
        self._count = 0
        self._pending: dict[str, _Call] = {}
        self.alive = True
        self.failure: RusterError | None = None
        self.call_began = asyncio.Event()
        """Set by every call; whoever waits for it clears it."""
        self._task = spawn(self._read(), name="ruster client reader")

    @classmethod
    async def open(
        cls,
        path: Path,
        receive: Callable[[ParsedEvent], Awaitable[None]],
        lost: Callable[[Link], None],
    ) -> Link:
        """Connect; raises DaemonUnreachable."""
        try:
            streams = await asyncio.open_unix_connection(str(path), limit=_CHUNK_BYTES)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DaemonUnreachable(f"no daemon listens on {path}: {reason}") from error
        return cls(streams, receive, lost)

    @property
    def busy(self) -> bool:
        """Whether a call waits for its reply."""
        return bool(self._pending)

    def next_id(self) -> str:
        """Make an ``id`` that no other client uses."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    async def call(
        self,
        command: dict[str, Any],
        command_id: str | None = None,
        watch: Callable[[ProgressEvent], None] | None = None,
    ) -> ParsedEvent:
        """Send a command and return the first event it causes, ``progress`` aside.

        That goes to ``watch``. Raises the error the daemon answers with, ProtocolError for what
        cannot be written, or LinkLost.
        """
        if not self.alive:
            raise LinkLost
        command_id = command_id or self.next_id()
        line = encode_command(command | {"id": command_id})
        future: asyncio.Future[ParsedEvent] = asyncio.get_running_loop().create_future()
        self._pending[command_id] = _Call(future, len(line), watch)
        self.call_began.set()
        try:
            self._writer.write(line)
            with contextlib.suppress(OSError):  # the reader finds out and says so
                await self._writer.drain()
            return await future
        finally:
            self._pending.pop(command_id, None)

    async def aclose(self) -> None:
        """End the connection."""
        await cancel_and_wait(self._task)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        lines = Lines()
        try:
            while chunk := await self._reader.read(_CHUNK_BYTES):
                for line in lines.feed(chunk):
                    await self._take(decode_event(line))
                await asyncio.sleep(0)  # read() need not yield, and consumers want their turn
        except OSError:
            pass
        except ProtocolError as error:
            self.failure = error
        finally:
            self._end()

    async def _take(self, parsed: ParsedEvent) -> None:
        await self._receive(parsed)
        pending = self._pending.get(parsed.id) if isinstance(parsed.id, str) else None
        if pending is not None and isinstance(parsed.event, ProgressEvent):
            if pending.watch is not None:
                pending.watch(parsed.event)
        elif pending is not None:
            _resolve(pending.reply, parsed)
        elif isinstance(parsed.event, ErrorEvent) and _is_about_connection(parsed):
            self._take_complaint(parsed)

    def _take_complaint(self, parsed: ParsedEvent) -> None:
        """Take an error that names no command: about an unreadable line, or the connection."""
        failure = failure_of(parsed)
        if failure.code not in _UNREADABLE:
            self.failure = failure
        elif self._pending:
            largest = max(self._pending.values(), key=lambda call: call.line_bytes)
            _resolve(largest.reply, parsed)

    def _end(self) -> None:
        self.alive = False
        self._writer.close()
        for call in self._pending.values():
            if not call.reply.done():
                call.reply.set_exception(LinkLost())
        self._lost(self)


def _is_about_connection(parsed: ParsedEvent) -> bool:
    return parsed.seq is None and parsed.id is None and parsed.turn is None


def _resolve(future: asyncio.Future[ParsedEvent], parsed: ParsedEvent) -> None:
    if future.done():
        return
    if isinstance(parsed.event, ErrorEvent):
        future.set_exception(failure_of(parsed))
    else:
        future.set_result(parsed)
