"""The short client for scripts: a plain socket, one command at a time, no event loop.

    with SyncClient() as client:
        client.create("work")
        print(client.ask("work", "What is the capital of France?"))

It does not connect again by itself; ``client`` does.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from ruster.client.answer import Answer
from ruster.client.failures import failure_of
from ruster.client.lines import Lines, encode_command
from ruster.core.errors import DaemonUnreachable
from ruster.core.ids import new_id
from ruster.protocol.events import Attached, Deleted, ErrorEvent, ProgressEvent
from ruster.protocol.parsed import ParsedEvent, decode_event

__all__ = ["SyncClient"]

_CHUNK_BYTES = 64 * 1024


class SyncClient:
    """``call`` sends any command; ``send`` and ``ask`` talk; ``events`` listens.

    Entering raises DaemonUnreachable when no daemon listens. ``timeout_s`` bounds every wait for
    the next event.
    """

    def __init__(
        self, socket_path: str | Path = "/tmp/ruster.sock", timeout_s: float | None = None
    ) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s
        self._prefix = new_id("s")
        self._count = 0
        self._lines = Lines()
        self._arrived: deque[bytes] = deque()
        self._socket: socket.socket

    def __enter__(self) -> SyncClient:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._timeout_s)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
            reason = error.strerror or str(error)
            raise DaemonUnreachable(f"no daemon listens on {self._path}: {reason}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def call(self, action: str, **fields: Any) -> ParsedEvent:
        """Send a command and return its reply; raises the error the daemon answers with."""
        for parsed in self.follow(action, **fields):
            if not isinstance(parsed.event, ProgressEvent):
                return parsed
        raise DaemonUnreachable("the daemon gave no answer")

    def follow(self, action: str, **fields: Any) -> Iterator[ParsedEvent]:
        """Send a command and iterate over its ``progress`` events, then its reply.

        Raises the error the daemon answers with.
        """
        command_id = self._write(action, fields)
        while True:
            parsed = self._replied(command_id)
            yield parsed
            if not isinstance(parsed.event, ProgressEvent):
                return

    def create(self, session_id: str, model: str | None = None) -> None:
        """Open a session, or change the model of one that exists."""
        self.call("create", session_id=session_id, model=model)

    def send(self, session_id: str, message: str, mode: str = "queue") -> Iterator[ParsedEvent]:
        """Send a message and iterate over the events of its turn, ``accepted`` first.

        An ``error`` event is raised after it was given.
        """
        fields = {"session_id": session_id, "message": message, "mode": mode}
        parsed = self._replied(self._write("send", fields))
        turn = parsed.turn
        yield parsed
        while True:
            parsed = self.next_event()
            deleted = isinstance(parsed.event, Deleted) and parsed.session_id == session_id
            if parsed.turn == turn or deleted:
                yield parsed
                if isinstance(parsed.event, ErrorEvent):
                    raise failure_of(parsed)
                if parsed.ends_turn:
                    return

    def ask(self, session_id: str, message: str) -> str:
        """Send a message and return the whole answer; raises the turn's error."""
        answer = Answer()
        for parsed in self.send(session_id, message):
            answer.add(parsed.event)
        return answer.text

    def events(self, session_id: str, since: int | None = None) -> Iterator[ParsedEvent]:
        """Attach to a session and iterate over what followed ``since``, then live events."""
        self._write("attach", {"session_id": session_id, "since": since})
        while True:
            parsed = self.next_event()
            if isinstance(parsed.event, ErrorEvent) and parsed.turn is None:
                raise failure_of(parsed)
            if parsed.session_id == session_id and not isinstance(parsed.event, Attached):
                yield parsed

    def next_event(self) -> ParsedEvent:
        """Return the next event of any kind."""
        while not self._arrived:
            try:
                chunk = self._socket.recv(_CHUNK_BYTES)
            except TimeoutError:
                raise DaemonUnreachable(f"nothing came for {self._timeout_s:g} s") from None
            except OSError as error:
                raise DaemonUnreachable(f"the connection broke: {error.strerror}") from error
            if not chunk:
                raise DaemonUnreachable("the daemon closed the connection")
            self._arrived.extend(self._lines.feed(chunk))
        return decode_event(self._arrived.popleft())

    def _write(self, action: str, fields: dict[str, Any]) -> str:
        self._count += 1
        command_id = f"{self._prefix}-{self._count}"
        line = encode_command({"action": action, "id": command_id, **fields})
        try:
            self._socket.sendall(line)
        except OSError as error:
            raise DaemonUnreachable(f"the connection broke: {error.strerror}") from error
        return command_id

    def _replied(self, command_id: str) -> ParsedEvent:
        """Return the next event the command causes; errors that name no command are about it."""
        while True:
            parsed = self.next_event()
            failed = isinstance(parsed.event, ErrorEvent)
            unnamed = parsed.id is None and parsed.turn is None and parsed.seq is None
            if failed and (parsed.id == command_id or unnamed):
                raise failure_of(parsed)
            if parsed.id == command_id:
                return parsed
