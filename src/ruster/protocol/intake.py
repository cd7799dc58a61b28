"""What a client's connection does with each command, whatever carries it: decoded, checked against
those still running, handled, and every failure told as one error event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ruster.core.errors import ProtocolError, RusterError
from ruster.protocol.codec import BadLine, CommandId, decode_command, encode_event, error_event
from ruster.protocol.commands import CommandBase
from ruster.protocol.events import Event

__all__ = ["Dispatch", "Intake", "Rest", "as_known"]

_log = structlog.stdlib.get_logger("ruster.server")

Rest = asyncio.Future[None] | None
"""What a command set going and is not done yet; None when all is done."""
_Caller = TypeVar("_Caller", contravariant=True)
Dispatch = Callable[[_Caller, CommandBase], Awaitable["asyncio.Future[None] | None"]]
"""Handles a command of a caller; returns a future of what it set going, or None."""


class Intake:
    """One client's commands; the base of what stands for a client.

    They are handled one after the other up to their acknowledgement, so that pipelined ones mean
    what they say; what they set going runs on side by side.
    """

    __slots__ = ("_live", "_live_unnamed", "closed", "on_close", "stays_open", "uid")

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.closed = False
        self.stays_open = False
        """Whether the client goes on listening after it has ended its input."""
        self.on_close: dict[object, Callable[[], None]] | None = None
        """What to do when the client is gone, by a key of the one who asked for it."""
        self._live: set[CommandId] | None = None
        self._live_unnamed = 0

    @property
    def busy(self) -> bool:
        """Whether a command is still running."""
        return bool(self._live or self._live_unnamed)

    # For those who stand for a client to fill in

    def deliver(self, line: bytes) -> None:
        """Send a line; never blocks."""
        raise NotImplementedError

    async def dispatch(self, command: CommandBase) -> Rest:
        """Have a command handled; raises RusterError."""
        raise NotImplementedError

    def settled(self) -> None:
        """A command that went on beside others has ended."""

    # What handlers use

    def reply(self, event: Event, command: CommandBase) -> None:
        """Send the answer to a command, with its ``id``."""
        self.deliver(encode_event(event, command_id=command.id))

    # What connections use

    def leave(self) -> None:
        """The client is gone: tell everybody who asked for it."""
        self.closed = True
        for left in (self.on_close or {}).values():
            left()
        self.on_close = None

    async def handle(self, line: bytes, max_live: int) -> None:
        """Answer one line; whatever is wrong with it becomes one error event."""
        command = self._decode(line)
        if command is None:
            return
        session_id = getattr(command, "session_id", None)
        _log.info(
            "command", action=command.action, session=session_id, uid=self.uid, id=command.id,
            bytes=len(line),
        )  # fmt: skip
        try:
            self._check_live(command.id, max_live)
        except ProtocolError as refused:
            self.refuse(refused, command.id, session_id)
            return
        self._begin(command.id)
        rest = None
        try:
            rest = await self.dispatch(command)
        except RusterError as failed:
            self.refuse(failed, command.id, session_id)
        except Exception as failed:  # noqa: BLE001 - the boundary: a failure becomes an event
            _log.exception("command failed", action=command.action)
            self.refuse(as_known(failed), command.id, session_id)
        if rest is None:
            self._end(command.id)
        else:
            rest.add_done_callback(lambda done: self._end_later(command, done))

    def refuse(
        self,
        error: RusterError,
        command_id: CommandId | None = None,
        session_id: str | None = None,
    ) -> None:
        """Tell an error."""
        _log.info("refused", code=error.code, error=error.message, uid=self.uid, id=command_id)
        event = error_event(error, session_id=session_id)
        self.deliver(encode_event(event, command_id=command_id))

    def _decode(self, line: bytes) -> CommandBase | None:
        try:
            return decode_command(line)
        except BadLine as bad:
            self.refuse(bad, bad.command_id, bad.session_id)
        except Exception as error:  # noqa: BLE001 - the boundary: a failure becomes an event
            _log.exception("line not decoded")
            self.refuse(as_known(error))
        return None

    def _check_live(self, command_id: CommandId | None, limit: int) -> None:
        live = self._live or ()
        if command_id is not None and command_id in live:
            raise ProtocolError(
                f"a command with the id {command_id!r} is still running; choose another id",
                code="duplicate_id",
            )
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
            self.refuse(as_known(error), command.id, getattr(command, "session_id", None))
        self.settled()


def as_known(error: BaseException) -> RusterError:
    """Return an error of the tree as it is, and any other as one that shows nothing of itself."""
    if isinstance(error, RusterError):
        return error
    return RusterError("something in ruster itself failed; the log has the details")
