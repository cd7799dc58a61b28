"""One connection to a message bus (D-Bus specification 0.43); the one place that needs ``jeepney``.

A reply counts only when it comes from whom it was asked of, and what cannot be read is passed over:
any program on the bus can send us messages. Whether a signal may be believed is for others to say,
who are told its sender, which the bus itself has written on it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageFlag, MessageType, new_method_call
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus import get_connectable_addresses
from jeepney.low_level import calc_msg_size

from ruster.core.errors import JobError
from ruster.core.tasks import cancel_and_wait, spawn

__all__ = ["BUS", "Body", "Bus", "Call", "Signal"]

Body = tuple[Any, ...]
"""The values of a message; their types are as the sender liked."""

BUS = "org.freedesktop.DBus"
_HEAD_BYTES = 16
_MAX_MESSAGE_BYTES = 1 << 20
_MAX_UNSENT_BYTES = 256 << 10
_MAX_UNANSWERED = 64
_CLOSING_S = 1.0
_UNREADABLE = (ValueError, LookupError, TypeError, struct.error, RecursionError)


@dataclass(frozen=True, slots=True)
class Signal:
    """What somebody told. ``sender`` is the unique name of a connection, written by the bus."""

    sender: str
    interface: str
    member: str
    body: Body


@dataclass(frozen=True, slots=True)
class Call:
    """A method of an object; ``signature`` gives the types of ``body``."""

    destination: str
    path: str
    interface: str
    member: str
    signature: str | None = None
    body: Body = ()


@dataclass(slots=True)
class _Unanswered:
    call: Call
    reply: asyncio.Future[Body]
    taken: Callable[[Body], None] | None

    def succeed(self, body: Body) -> None:
        if self.taken is not None:
            self.taken(body)
        if not self.reply.done():
            self.reply.set_result(body)

    def fail(self, why: str) -> None:
        if not self.reply.done():
            self.reply.set_exception(_failed(f"{self.call.member}: {why}"))


class Bus:
    """A connection. When it is lost all calls fail and ``closed`` is true; then make a new one."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: Callable[[Signal], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard
        self._serials = count(1)
        self._unanswered: dict[int, _Unanswered] = {}
        self._reading = spawn(self._read(), name="message bus")
        self.closed = False
        self.name = ""
        """What others on the bus call this connection."""

    @classmethod
    async def connect(cls, address: str, heard: Callable[[Signal], None]) -> Bus:
        """Connect to the first of the addresses that answers; raises JobError (`notify_failed`)."""
        try:
            paths = list(get_connectable_addresses(address))
        except (ValueError, RuntimeError, LookupError):
            raise _failed(f"{address[:200]!r} is no address of a message bus") from None
        problem = ""
        for path in paths:
            try:
                return await cls._connect(path, heard)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                problem = f"{path!r}: {error}"
        raise _failed(f"the message bus cannot be reached ({problem})")

    @classmethod
    async def _connect(cls, path: str, heard: Callable[[Signal], None]) -> Bus:
        reader, writer = await asyncio.open_unix_connection(path)
        bus = None
        try:
            talk = Authenticator()
            for said in talk:
                writer.write(said)
                talk.feed(await reader.readuntil(b"\r\n"))
            writer.write(BEGIN)
            bus = cls(reader, writer, heard)
            (name,) = await bus.call(Call(BUS, "/org/freedesktop/DBus", BUS, "Hello"))
            bus.name = str(name)
            return bus
        except BaseException:
            await (bus.aclose() if bus is not None else _close(writer))
            raise

    async def call(self, call: Call, taken: Callable[[Body], None] | None = None) -> Body:
        """Return what a method returns; raises JobError (``notify_failed``).

        ``taken`` is called with it before anything that came later is looked at, and also when the
        caller has stopped waiting.
        """
        serial = self._send(_message(call))
        waiting = _Unanswered(call, asyncio.get_running_loop().create_future(), taken)
        self._unanswered[serial] = waiting
        if len(self._unanswered) > _MAX_UNANSWERED:
            self._unanswered.pop(next(iter(self._unanswered))).fail("it waited for too long")
        try:
            return await waiting.reply
        finally:
            if taken is None or not waiting.reply.cancelled():
                self._unanswered.pop(serial, None)

    def post(self, call: Call) -> None:
        """Call a method and wait for nothing; does nothing when the connection is lost."""
        message = _message(call)
        message.header.flags = MessageFlag.no_reply_expected
        with suppress(JobError):
            self._send(message)

    async def aclose(self) -> None:
        """Close the connection; what was posted is sent, if the bus takes it at once."""
        await cancel_and_wait(self._reading)
        await _close(self._writer)

    def _send(self, message: Message) -> int:
        if self.closed or self._writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            raise _failed("the message bus does not listen")
        serial = next(self._serials)
        try:
            self._writer.write(message.serialise(serial))
        except (*_UNREADABLE, OSError) as error:
            raise _failed(f"the message cannot be sent: {error}") from error
        return serial

    async def _read(self) -> None:
        try:
            while True:
                try:
                    message = await self._next()
                except (OSError, EOFError, *_UNREADABLE):
                    return  # whoever calls next is told
                if message is not None:
                    self._take(message)
        finally:
            self.closed = True
            self._writer.close()
            for waiting in self._unanswered.values():
                waiting.fail("the connection to the bus was lost")
            self._unanswered.clear()

    async def _next(self) -> Message | None:
        """Read one message; None for one that is too large or makes no sense."""
        head = await self._reader.readexactly(_HEAD_BYTES)
        left = calc_msg_size(head) - _HEAD_BYTES
        if left > _MAX_MESSAGE_BYTES:
            while left > 0:
                left -= len(await self._reader.readexactly(min(left, 1 << 16)))
            return None
        rest = await self._reader.readexactly(left)
        try:
            return Message.from_buffer(head + rest)
        except _UNREADABLE:
            return None

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        sender = str(fields.get(HeaderFields.sender, ""))
        if message.header.message_type is MessageType.signal:
            interface = str(fields.get(HeaderFields.interface, ""))
            member = str(fields.get(HeaderFields.member, ""))
            self._heard(Signal(sender, interface, member, message.body))
        else:
            self._take_reply(message, sender, fields.get(HeaderFields.reply_serial))

    def _take_reply(self, message: Message, sender: str, serial: object) -> None:
        if not isinstance(serial, int) or (waiting := self._unanswered.get(serial)) is None:
            return
        kind, asked = message.header.message_type, waiting.call.destination
        if kind is MessageType.method_return and sender == asked:
            waiting.succeed(message.body)
        elif kind is MessageType.error and sender in (asked, BUS):  # the bus tells who is gone
            waiting.fail(str(message.header.fields.get(HeaderFields.error_name, "failed")))
        else:
            return
        self._unanswered.pop(serial, None)


def _message(call: Call) -> Message:
    address = DBusAddress(call.path, call.destination, call.interface)
    return new_method_call(address, call.member, call.signature, call.body)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(_CLOSING_S):
            await writer.wait_closed()
    except OSError:  # with it TimeoutError: the bus does not take what is left
        writer.transport.abort()


def _failed(message: str) -> JobError:
    return JobError(message, code="notify_failed", retryable=True)
