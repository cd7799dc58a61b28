"""A blocking client, as cheap as Python allows, so that the server is what is measured."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Client"]

_TIMEOUT_S = 120.0
_DONE = b'"done":true'


class Client:
    """``with Client(path) as client``; every wait has a bound."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._socket.close()

    def line(self) -> bytes:
        """Return the next line."""
        line = self._lines.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        return line

    def echo(self, line: bytes) -> None:
        """Send a line and wait for the next one."""
        self._socket.sendall(line)
        self.line()

    def ask(self, command: dict[str, Any], *kinds: str) -> dict[str, Any]:
        """Send a command; return the next event, or the next of one of ``kinds``."""
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        return self.event(*kinds)

    def event(self, *kinds: str) -> dict[str, Any]:
        """Return the next event, or the next of one of ``kinds``; raises RuntimeError on errors."""
        while True:
            event: dict[str, Any] = json.loads(self.line())
            if event["event"] == "error":
                raise RuntimeError(event["error"])
            if not kinds or event["event"] in kinds:
                return event

    def turn(self, line: bytes) -> None:
        """Send a ``send`` command's line and wait for the end of the turn."""
        self._socket.sendall(line)
        while _DONE not in (answer := self.line()):
            if answer.startswith(b'{"event":"error"'):
                raise RuntimeError(answer.decode())

    def say(self, session_id: str, message: str) -> str:
        """Send a message and return its answer."""
        self._socket.sendall(
            json.dumps({"action": "send", "session_id": session_id, "message": message}).encode()
            + b"\n"
        )
        pieces: list[str] = []
        while True:
            event = self.event("response")
            if event["done"]:
                return "".join(pieces)
            if "phase" not in event:
                pieces.append(event["delta"])
