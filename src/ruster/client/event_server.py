"""For programs that bring events to the daemon, and answer what it asks.

    async with EventServer("mail", "Tells of new mail.") as server:
        await server.emit({"from": "anna@example.com", "subject": "Lunch?"})

It listens on a socket that the daemon finds by itself; see ``docs/event-servers.md``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ruster.core.errors import ProtocolError, RusterError
from ruster.core.ids import check_name
from ruster.core.strict_json import read_json
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.framing import LineBuffer, TooLong
from ruster.protocol.socket_path import listen_at

__all__ = ["MAX_LINE_BYTES", "EventServer", "Question", "Tool"]

_log = logging.getLogger("ruster.event_server")
MAX_LINE_BYTES = 64 * 1024
"""Longest line, both ways."""
_BACKLOG = 16
_MAX_RUNNING = 8
_STALL_S = 10.0
_CLOSE_S = 1.0
_LOOP_STEPS = 5
_FOLDER = Path(".var/app/ruster/servers")
_NO_ARGUMENTS = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Question:
    """What the daemon asks: ``message``, perhaps about a session."""

    message: str
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call; ``call`` gets the arguments and returns anything JSON can carry.

    ``parameters`` is a JSON Schema of kind object. A ``ToolError`` is told to the model as it is.
    """

    name: str
    description: str
    call: Callable[[Mapping[str, Any]], Awaitable[Any]]
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(_NO_ARGUMENTS))


Answerer = Callable[[Question], Awaitable[Any]]


class EventServer:
    """Listens from entering to leaving; entering raises SocketTaken.

    ``answer`` answers questions. ``folder`` is where the daemon looks, by default
    ``~/.var/app/ruster/servers``; in a ``shared`` one, which others can write to, the socket is
    called ``ruster-srv-NAME.sock`` and any user may connect.
    """

    def __init__(
        self,
        name: str,
        description: str = "",
        *,
        tools: Sequence[Tool] = (),
        answer: Answerer | None = None,
        folder: Path | None = None,
        shared: bool = False,
    ) -> None:
        self.name = check_name(name, "server")
        folder = Path.home() / _FOLDER if folder is None else folder
        self.path = folder / f"{'ruster-srv-' if shared else ''}{name}.sock"
        self._mode = 0o666 if shared else 0o600
        self._tools = {tool.name: tool for tool in tools}
        self._answer = answer
        offered = [
            {"name": it.name, "description": it.description, "parameters": dict(it.parameters)}
            for it in tools
        ]
        hello = {"type": "hello", "name": name, "description": description, "tools": offered}
        self._hello = _encode(hello)
        self._missed: deque[bytes] = deque(maxlen=_BACKLOG)
        self._open: set[asyncio.StreamWriter] = set()
        self._greeted: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode: tuple[int, int] | None = None
        self._connected = asyncio.Event()
        self._closing = False

    async def __aenter__(self) -> EventServer:
        sock = await asyncio.to_thread(self._listen)
        self._server = await asyncio.start_unix_server(
            self._accepted, sock=sock, limit=MAX_LINE_BYTES
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._closing = True
        self._remove()
        # Closing a server that is accepting would leak the connection: first stop, then close.
        for sock in self._server.sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
        await _let_the_loop_settle()
        self._server.close()
        await cancel_and_wait(*self._tasks)
        for writer in tuple(self._open):
            writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(
                    *(writer.wait_closed() for writer in self._open), return_exceptions=True
                )
        await _let_the_loop_settle()

    async def emit(self, payload: Any, session_id: str | None = None) -> None:
        """Bring an event: anything JSON can carry, for all sessions or for the one named.

        While no daemon is connected the last 16 are kept. Raises ProtocolError
        (``line_too_long``, ``invalid_json``).
        """
        line = _encode({"type": "event", "payload": payload, "session_id": session_id})
        if not self._greeted:
            self._missed.append(line)
        for writer in tuple(self._greeted):
            await self._write(writer, line)

    async def connected(self) -> None:
        """Return once a daemon is connected."""
        await self._connected.wait()

    async def serve_forever(self) -> None:
        """Answer until cancelled."""
        await asyncio.get_running_loop().create_future()

    # Inside

    def _listen(self) -> Any:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sock = listen_at(self.path, mode=self._mode, backlog=_BACKLOG, wait=True)
        status = self.path.lstat()
        self._inode = status.st_dev, status.st_ino
        return sock

    def _remove(self) -> None:
        """Remove the socket unless somebody has put another one in its place."""
        with contextlib.suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == self._inode:
                self.path.unlink()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:
            writer.transport.abort()
            return
        self._open.add(writer)
        self._begin(self._serve(reader, writer), f"{self.name} connection")

    def _begin(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = spawn(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        slots = asyncio.Semaphore(_MAX_RUNNING)
        writer.write(self._hello)
        writer.writelines(self._missed)
        self._missed.clear()
        self._greeted.add(writer)
        self._connected.set()
        lines = LineBuffer(MAX_LINE_BYTES)
        try:
            while data := await reader.read(MAX_LINE_BYTES):
                lines.feed(data)
                while (line := lines.pop()) is not None:
                    await slots.acquire()
                    self._begin(self._handle(writer, line, slots), f"{self.name} request")
        except OSError:
            pass
        finally:
            self._greeted.discard(writer)
            if not self._greeted:
                self._connected.clear()
            writer.close()
        self._open.discard(writer)

    async def _handle(
        self, writer: asyncio.StreamWriter, line: bytes | TooLong, slots: asyncio.Semaphore
    ) -> None:
        try:
            request = None if isinstance(line, TooLong) else _request(line)
            if request is not None:
                reply = {"type": "reply", "id": request["id"]}
                reply |= await self._reply(request)
                await self._write(writer, _encode_reply(reply))
        finally:
            slots.release()

    async def _reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``payload``, or ``error`` with a sentence; a program's mistakes are logged."""
        session_id = request.get("session_id")
        tool, arguments = request.get("tool"), request.get("arguments", {})
        try:
            if tool is None and self._answer is not None:
                question = Question(str(request.get("message", "")), session_id)
                return {"session_id": session_id, "payload": await self._answer(question)}
            if isinstance(tool, str) and tool in self._tools and isinstance(arguments, dict):
                payload = await self._tools[tool].call(arguments)
                return {"session_id": session_id, "payload": payload}
        except RusterError as error:
            return {"session_id": session_id, "error": error.message}
        except Exception as error:  # noqa: BLE001 - the author's code; the daemon waits
            _log.exception("a request to %s failed", self.name)
            return {"session_id": session_id, "error": f"it broke: {type(error).__name__}"}
        missing = "answers no questions" if tool is None else f"has no tool {str(tool)[:64]!r}"
        return {"session_id": session_id, "error": f"{self.name} {missing}"}

    async def _write(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        """Write to one daemon; one that does not read is let go."""
        try:
            writer.write(line)
            async with asyncio.timeout(_STALL_S):
                await writer.drain()
        except (OSError, TimeoutError):
            writer.transport.abort()


async def _let_the_loop_settle() -> None:
    """Return when connections accepted a moment ago have come to us, and closed ones are gone."""
    for _ in range(_LOOP_STEPS):
        await asyncio.sleep(0)


def _request(line: bytes) -> dict[str, Any] | None:
    """Return a request, or None for what is none."""
    try:
        data = read_json(line)
    except ValueError:
        return None
    if isinstance(data, dict) and data.get("type") == "request" and isinstance(data.get("id"), str):
        return data
    return None


def _encode(frame: Mapping[str, Any]) -> bytes:
    """Write a frame; raises ProtocolError for what is too long or no JSON."""
    given = {name: it for name, it in frame.items() if it is not None or name == "payload"}
    try:
        line = json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ProtocolError(
            f"it cannot be written as JSON in UTF-8: {error}", code="invalid_json"
        ) from error
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(
            f"a line may have {MAX_LINE_BYTES} bytes; bring less at once", code="line_too_long"
        )
    return line + b"\n"


def _encode_reply(reply: dict[str, Any]) -> bytes:
    try:
        return _encode(reply)
    except ProtocolError as error:
        ids = {name: reply.get(name) for name in ("type", "id", "session_id")}
        return _encode({**ids, "error": f"the answer was none: {error.message}"})
