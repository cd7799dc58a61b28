"""One connection to an event server, from its hello to its end.

All that a server can do to us is bounded: the length of its lines and how many are read in a
second, how long it may be silent at the start, how many requests wait, how much it leaves unread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ruster.core.clock import Clock
from ruster.core.errors import JobError, ProtocolError
from ruster.core.ids import new_id
from ruster.proactive.servers.bucket import TokenBucket
from ruster.proactive.servers.discovery import Found
from ruster.proactive.servers.settings import ServerSettings
from ruster.proactive.servers.wire import EventFrame, Hello, Reply, decode_frame, encode_request
from ruster.protocol.framing import LineBuffer, TooLong
from ruster.protocol.peer import peer_uid

__all__ = ["Link", "LinkEnded", "LinkParts"]

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK_BYTES = 4096
_BURST_S = 2.0
"""How many seconds' worth of lines may come at once."""


class LinkEnded(Exception):
    """A connection is over, or did not come about; ``guilty`` if the server broke the rules."""

    def __init__(self, reason: str, *, guilty: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.guilty = guilty


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What all links share. ``own_uids`` are the daemon's user and root."""

    settings: ServerSettings
    clock: Clock
    own_uids: frozenset[int]

    @property
    def uids(self) -> frozenset[int]:
        """Whose programs may listen."""
        return self.own_uids | frozenset(self.settings.allowed_uids)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose reply has not come yet."""

    reply: asyncio.Future[Reply]
    session_id: str | None


class Link:
    """``link = await Link.open(found, parts)``; ``await link.run(take)`` reads until the end.

    ``hello`` is how the server introduced itself, ``uid`` whose program it is.
    """

    def __init__(self, found: Found, parts: LinkParts, streams: _Streams, uid: int) -> None:
        own = parts.settings
        self.hello: Hello
        self.uid = uid
        self.faults = 0
        self.last_fault: str | None = None
        self._name = found.name
        self._settings = own
        self._reader, self._writer = streams
        self._lines = LineBuffer(own.max_line_bytes)
        self._pace = TokenBucket(own.lines_per_s, max(2.0, own.lines_per_s * _BURST_S), parts.clock)
        self._asked: dict[str, _Asked] = {}
        self._over = False

    @classmethod
    async def open(cls, found: Found, parts: LinkParts) -> Link:
        """Connect and hear the hello; raises LinkEnded."""
        timeout_s = parts.settings.hello_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                streams = await asyncio.open_unix_connection(
                    str(found.path), limit=parts.settings.max_line_bytes
                )
        except TimeoutError:
            raise LinkEnded(f"it took no connection within {timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LinkEnded(f"it cannot be connected to: {reason}") from None
        try:
            link = cls(found, parts, streams, _admitted_uid(streams[1], found, parts))
            await link._introduce()
        except BaseException:
            streams[1].transport.abort()
            raise
        return link

    @property
    def pending(self) -> int:
        """Requests that wait for an answer."""
        return len(self._asked)

    async def run(self, take: Callable[[EventFrame], None]) -> None:
        """Hand on every event until the connection ends; raises LinkEnded then."""
        try:
            while True:
                self._handle(await self._line(), take)
        except OSError as error:
            raise LinkEnded(f"the connection broke: {error.strerror or error}") from None
        finally:
            self._end()

    async def request(self, session_id: str | None, **what: Any) -> Any:
        """Ask the server and return the reply's payload; see ``encode_request`` for ``what``.

        Raises JobError: ``server_busy``, ``server_failed``, ``message_too_large``.
        """
        request_id = new_id("q")
        line = encode_request(request_id, session_id, **what)
        self._check_room(len(line))
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = _Asked(future, session_id)
        limit_s = self._settings.reply_timeout_s
        try:
            self._writer.write(line)
            async with asyncio.timeout(limit_s):
                reply = await future
        except TimeoutError:
            raise self._failed(f"did not answer within {limit_s:g} s", retryable=True) from None
        finally:
            self._asked.pop(request_id, None)
        if reply.error is not None:
            raise self._failed(f"says: {reply.error}")
        return reply.payload

    def close(self) -> None:
        """Break the connection off; ``run`` ends, and what was not read yet is dropped."""
        self._end()

    # Inside

    async def _introduce(self) -> None:
        timeout_s = self._settings.hello_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._line()
        except TimeoutError:
            raise LinkEnded(f"it sent no hello within {timeout_s:g} s") from None
        except OSError as error:
            raise LinkEnded(f"the connection broke: {error.strerror or error}") from None
        if isinstance(line, TooLong):
            raise LinkEnded(f"its hello has more than {self._limit} bytes", guilty=True)
        try:
            frame = decode_frame(line)
        except ProtocolError as error:
            raise LinkEnded(f"its first line is no hello: {error.message}", guilty=True) from None
        if not isinstance(frame, Hello):
            raise LinkEnded(f"its first line is no hello but {frame.type!r}", guilty=True)
        if frame.name != self._name:
            raise LinkEnded(
                f"it calls itself {frame.name!r}, but its socket is that of {self._name!r}",
                guilty=True,
            )
        self.hello = frame

    async def _line(self) -> bytes | TooLong:
        """Return the next line, no faster than the server may send; raises LinkEnded, OSError."""
        while not self._over:
            if (line := self._lines.pop()) is not None:
                await self._keep_pace()
                return line
            data = await self._reader.read(_CHUNK_BYTES)
            if not data:
                raise LinkEnded("it closed the connection")
            self._lines.feed(data)
            await self._keep_pace()  # also for what is no line yet, or blank
        raise LinkEnded("it was started anew")

    async def _keep_pace(self) -> None:
        if not self._pace.take():
            await asyncio.sleep(self._pace.wait_s)
            self._pace.take()

    def _handle(self, line: bytes | TooLong, take: Callable[[EventFrame], None]) -> None:
        if isinstance(line, TooLong):
            self._fault(f"a line has more than {self._limit} bytes")
            return
        try:
            frame = decode_frame(line)
        except ProtocolError as error:
            self._fault(error.message)
            return
        if isinstance(frame, EventFrame):
            take(frame)
        elif isinstance(frame, Reply):
            self._answered(frame)
        else:
            self._fault("it sent a second hello")

    def _answered(self, reply: Reply) -> None:
        asked = self._asked.get(reply.id)
        if asked is None:
            return  # it came too late
        if reply.session_id not in (None, asked.session_id):
            self._fault("a reply names another session than its request")
        elif not asked.reply.done():
            asked.reply.set_result(reply)

    def _fault(self, what: str) -> None:
        """Note that the server broke the format; raises LinkEnded when it does so too often."""
        self.faults += 1
        self.last_fault = what
        if self.faults >= self._settings.max_faults:
            raise LinkEnded(f"{self.faults} lines broke the format, the last: {what}", guilty=True)

    def _check_room(self, size: int) -> None:
        if self._over:
            raise self._failed("broke off", retryable=True)
        if size > self._limit:
            raise JobError(
                f"the request has {size} bytes; an event server takes {self._limit}",
                code="message_too_large",
            )
        unread = self._writer.transport.get_write_buffer_size()
        if len(self._asked) >= self._settings.max_pending or unread > self._limit:
            raise JobError(
                f"too many requests to the event server {self._name!r} wait; try again later",
                code="server_busy",
                retryable=True,
            )

    @property
    def _limit(self) -> int:
        return self._settings.max_line_bytes

    def _failed(self, what: str, *, retryable: bool = False) -> JobError:
        return JobError(
            f"the event server {self._name!r} {what}", code="server_failed", retryable=retryable
        )

    def _end(self) -> None:
        self._over = True
        for asked in self._asked.values():
            if not asked.reply.done():
                asked.reply.set_exception(self._failed("broke off", retryable=True))
        with contextlib.suppress(OSError):
            self._writer.transport.abort()


def _admitted_uid(writer: asyncio.StreamWriter, found: Found, parts: LinkParts) -> int:
    """Return whose program listens; raises LinkEnded for one that may not."""
    try:
        uid = peer_uid(writer.get_extra_info("socket"))
    except OSError as error:
        raise LinkEnded(f"the kernel does not say whose program it is: {error}") from None
    if found.shared and uid not in parts.uids:
        raise LinkEnded(
            f"it is a program of another user (uid {uid}); "
            "proactive.servers.allowed_uids says who may",
            guilty=True,
        )
    return uid
