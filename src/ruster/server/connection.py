"""One client's connection: lines in, commands in order; events out, with backpressure.

What becomes of a line is ``protocol.intake``'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import structlog

from ruster.core.errors import ProtocolError
from ruster.core.tasks import spawn
from ruster.protocol.codec import encode_event, error_event
from ruster.protocol.commands import CommandBase
from ruster.protocol.framing import LineBuffer, TooLong
from ruster.protocol.intake import Dispatch, Intake, Rest
from ruster.protocol.peer import peer_uid
from ruster.server.hangup import HangupWatch
from ruster.server.outbox import Outbox
from ruster.server.quota import Quota
from ruster.server.settings import ServerSettings

__all__ = ["Connection", "ConnectionParts"]

_stdlib_log = logging.getLogger("ruster.server")
_log = structlog.stdlib.get_logger("ruster.server")
_LINES_PER_TURN = 32
"""Lines one connection may have handled before others get their turn."""
_MAX_UNREAD_INPUT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionParts:
    """What all connections share. ``privileged`` are the uids that may do everything."""

    settings: ServerSettings
    quota: Quota
    dispatch: Dispatch[Connection]
    privileged: frozenset[int]
    hangups: HangupWatch
    opened: Callable[[Connection], None]
    closed: Callable[[Connection], None]


class Connection(Intake, asyncio.Protocol):
    """The server's side of one client; a ``Subscriber`` of session streams.

    It costs no task while nothing happens.
    """

    __slots__ = (
        "_admitted",
        "_fd",
        "_input",
        "_input_ended",
        "_outbox",
        "_parts",
        "_transport",
        "_worker",
    )
    _transport: asyncio.Transport
    _outbox: Outbox

    def __init__(self, parts: ConnectionParts) -> None:
        super().__init__(uid=-1)
        self._parts = parts
        self._admitted = False
        self._fd = -1
        self._input: LineBuffer | None = None
        self._input_ended = False
        self._worker: asyncio.Task[None] | None = None

    @property
    def privileged(self) -> bool:
        """Whether this client may do everything: the daemon's own user and root."""
        return self.uid in self._parts.privileged

    @property
    def unread_bytes(self) -> int:
        """Bytes the client has not read."""
        return self._outbox.waiting_bytes

    # What handlers and sessions use

    def deliver(self, line: bytes) -> None:
        """Send a line; never blocks."""
        if _stdlib_log.isEnabledFor(logging.DEBUG):
            _log.debug("event", uid=self.uid, bytes=len(line))
        self._outbox.put(line)

    async def drained(self) -> None:
        """Return once the client has read what was sent, or is gone."""
        await self._outbox.drained()

    def drop(self, code: str, message: str) -> None:
        """End the connection with a final error."""
        _log.warning("client dropped", uid=self.uid, code=code)
        self._outbox.end(encode_event(error_event(ProtocolError(message, code=code))))

    def finish(self) -> None:
        """Send what waits, then close."""
        self._outbox.finish()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._outbox = Outbox(
            self._transport,
            self._parts.settings.stall_timeout_s,
            self._stalled,
            self._unread_changed,
        )
        sock = transport.get_extra_info("socket")
        self._fd = sock.fileno()
        try:
            self.uid = peer_uid(sock)
        except OSError:
            self._transport.abort()
            return
        self._admitted = self._parts.quota.admit(self.uid)
        if self._admitted:
            self._parts.opened(self)
        else:
            limit = self._parts.settings.max_connections_per_uid
            self.drop("too_many_connections", f"you have {limit} connections; close some")

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if self._input is None:
            self._input = LineBuffer(self._parts.settings.max_line_bytes)
        self._input.feed(data)
        if self._worker is None:
            self._worker = spawn(self._work(self._input), name=f"client uid={self.uid}")
        elif len(self._input) > _MAX_UNREAD_INPUT_BYTES:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._input_ended = True
        if self._worker is None:
            self._worker = spawn(self._work(self._input), name=f"client uid={self.uid}")
        return True

    def pause_writing(self) -> None:
        self._outbox.pause()

    def resume_writing(self) -> None:
        self._outbox.resume()
        self._close_if_done()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._parts.hangups.forget(self._fd)
        self._outbox.clear()
        if self._admitted:
            self._parts.quota.leave(self.uid)
            self._parts.closed(self)
        self.leave()

    # Commands

    async def _work(self, lines: LineBuffer | None) -> None:
        """Handle what has arrived, line by line, then end."""
        count = 0
        while lines is not None and not self.closed:
            line = lines.pop()
            if line is None and self._input_ended:
                line = lines.finish()
            if line is None:
                break
            await self._handle(line)
            count += 1
            if count % _LINES_PER_TURN == 0:
                await asyncio.sleep(0)
                await self._outbox.drained()
        self._worker = None
        if self.closed:
            return
        if not self._input_ended:
            self._transport.resume_reading()
        self._close_if_done()

    async def _handle(self, line: bytes | TooLong) -> None:
        if not isinstance(line, TooLong):
            await self.handle(line, self._parts.settings.max_live_commands)
            return
        limit = self._parts.settings.max_line_bytes
        self.refuse(ProtocolError(f"a line may have {limit} bytes; split it", code="line_too_long"))

    async def dispatch(self, command: CommandBase) -> Rest:
        return await self._parts.dispatch(self, command)

    def settled(self) -> None:
        self._close_if_done()

    def _close_if_done(self) -> None:
        """Close after a client that has ended its input has got all its answers."""
        busy = self._worker is not None or self.busy or self.stays_open
        if self._input_ended and not busy:
            self._outbox.finish()
        elif self._input_ended and self._worker is None:
            self._parts.hangups.watch(self._fd, self._transport.abort)

    # Limits

    def _stalled(self) -> None:
        seconds = self._parts.settings.stall_timeout_s
        self.drop(
            "reader_stalled",
            f"nothing was read for {seconds:g} s; connect again and attach with since",
        )

    def _unread_changed(self, change: int) -> None:
        if self._admitted:
            self._parts.quota.unread(self, change)
