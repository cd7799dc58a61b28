"""One client's connection: lines in, commands in order; events out, with backpressure.

Commands of one connection are handled one after the other up to their acknowledgement, so that
pipelined lines mean what they say; what they set going runs on side by side.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import structlog

from ruster.core.errors import ProtocolError, RusterError
from ruster.core.tasks import spawn
from ruster.protocol.codec import BadLine, CommandId, decode_command, encode_event, error_event
from ruster.protocol.commands import CommandBase
from ruster.protocol.events import Event
from ruster.protocol.framing import LineBuffer, TooLong
from ruster.protocol.peer import peer_uid
from ruster.server.hangup import HangupWatch
from ruster.server.outbox import Outbox
from ruster.server.quota import Quota
from ruster.server.settings import ServerSettings

__all__ = ["Connection", "ConnectionParts", "Dispatch"]

_stdlib_log = logging.getLogger("ruster.server")
_log = structlog.stdlib.get_logger("ruster.server")
_LINES_PER_TURN = 32
"""Lines one connection may have handled before others get their turn."""
_MAX_UNREAD_INPUT_BYTES = 64 * 1024

Dispatch = Callable[["Connection", CommandBase], Awaitable["asyncio.Future[None] | None"]]
"""Handles a command; returns a future of what it set going, or None when all is done."""


@dataclass(frozen=True, slots=True)
class ConnectionParts:
    """What all connections share. ``privileged`` are the uids that may do everything."""

    settings: ServerSettings
    quota: Quota
    dispatch: Dispatch
    privileged: frozenset[int]
    hangups: HangupWatch
    opened: Callable[[Connection], None]
    closed: Callable[[Connection], None]


class Connection(asyncio.Protocol):
    """The server's side of one client; a ``Subscriber`` of session streams.

    It costs no task while nothing happens.
    """

    __slots__ = (
        "_admitted",
        "_fd",
        "_input",
        "_input_ended",
        "_live",
        "_live_unnamed",
        "_outbox",
        "_parts",
        "_transport",
        "_worker",
        "closed",
        "on_close",
        "stays_open",
        "uid",
    )
    _transport: asyncio.Transport
    _outbox: Outbox

    def __init__(self, parts: ConnectionParts) -> None:
        self.uid = -1
        self.closed = False
        self.stays_open = False
        """Whether the client goes on listening after it has ended its input."""
        self.on_close: dict[object, Callable[[], None]] | None = None
        """What to do when the client is gone, by a key of the one who asked for it."""
        self._parts = parts
        self._admitted = False
        self._fd = -1
        self._input: LineBuffer | None = None
        self._input_ended = False
        self._worker: asyncio.Task[None] | None = None
        self._live: set[CommandId] | None = None
        self._live_unnamed = 0

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

    def reply(self, event: Event, command: CommandBase) -> None:
        """Send the answer to a command, with its ``id``."""
        self.deliver(encode_event(event, command_id=command.id))

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
        for leave in (self.on_close or {}).values():
            leave()
        self.on_close = None

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
        """Answer one line; whatever is wrong with it becomes one error event."""
        if isinstance(line, TooLong):
            limit = self._parts.settings.max_line_bytes
            error = ProtocolError(f"a line may have {limit} bytes; split it", code="line_too_long")
            self._refuse(error, None, None)
            return
        command = self._decode(line)
        if command is None:
            return
        session_id = getattr(command, "session_id", None)
        _log.info(
            "command", action=command.action, session=session_id, uid=self.uid, id=command.id,
            bytes=len(line),
        )  # fmt: skip
        try:
            self._check_live(command.id)
        except ProtocolError as refused:
            self._refuse(refused, command.id, session_id)
            return
        self._begin(command.id)
        rest = None
        try:
            rest = await self._parts.dispatch(self, command)
        except RusterError as failed:
            self._refuse(failed, command.id, session_id)
        except Exception as failed:  # noqa: BLE001 - the boundary: a failure becomes an event
            _log.exception("command failed", action=command.action)
            self._refuse(_as_known(failed), command.id, session_id)
        if rest is None:
            self._end(command.id)
        else:
            rest.add_done_callback(lambda done: self._end_later(command, done))

    def _decode(self, line: bytes) -> CommandBase | None:
        try:
            return decode_command(line)
        except BadLine as bad:
            self._refuse(bad, bad.command_id, bad.session_id)
        except Exception as error:  # noqa: BLE001 - the boundary: a failure becomes an event
            _log.exception("line not decoded")
            self._refuse(_as_known(error), None, None)
        return None

    def _refuse(
        self, error: RusterError, command_id: CommandId | None, session_id: str | None
    ) -> None:
        _log.info("refused", code=error.code, error=error.message, uid=self.uid, id=command_id)
        event = error_event(error, session_id=session_id)
        self.deliver(encode_event(event, command_id=command_id))

    def _check_live(self, command_id: CommandId | None) -> None:
        live = self._live or ()
        if command_id is not None and command_id in live:
            raise ProtocolError(
                f"a command with the id {command_id!r} is still running; choose another id",
                code="duplicate_id",
            )
        limit = self._parts.settings.max_live_commands
        if len(live) + self._live_unnamed >= limit:
            raise ProtocolError(
                f"{limit} commands of this connection are running; wait for some to end",
                code="too_many_commands",
            )

    def _begin(self, command_id: CommandId | None) -> None:
        if command_id is None:
            self._live_unnamed += 1
        else:
            self._live = self._live or set()
            self._live.add(command_id)

    def _end(self, command_id: CommandId | None) -> None:
        if command_id is None:
            self._live_unnamed -= 1
        elif self._live is not None:
            self._live.discard(command_id)
            self._live = self._live or None

    def _end_later(self, command: CommandBase, done: asyncio.Future[None]) -> None:
        """End a command that went on beside others; its failure has not been told yet."""
        self._end(command.id)
        error = None if done.cancelled() else done.exception()
        if self.closed:
            return
        if error is not None:
            self._refuse(_as_known(error), command.id, getattr(command, "session_id", None))
        self._close_if_done()

    def _close_if_done(self) -> None:
        """Close after a client that has ended its input has got all its answers."""
        busy = self._worker is not None or self._live or self._live_unnamed or self.stays_open
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


def _as_known(error: BaseException) -> RusterError:
    if isinstance(error, RusterError):
        return error
    return RusterError("something in ruster itself failed; the log has the details")
