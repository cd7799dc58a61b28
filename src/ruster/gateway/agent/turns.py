"""A message and its turn over HTTP: which events are its own, and the whole of it as one object."""

from __future__ import annotations

from ruster.core.errors import RusterError
from ruster.gateway.api.client import HttpClient, Line

__all__ = ["TurnFilter", "WholeTurn", "sse"]


def sse(line: str, told: Line) -> bytes:
    """Write an event of the socket as a server-sent event; its ``seq`` is the id."""
    number = told.get("seq")
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {told['event']}\ndata: {line}\n\n".encode()


class TurnFilter:
    """Tells the events of one message from others of its session: by the command, then the turn."""

    def __init__(self) -> None:
        self._turn: str | None = None

    def __call__(self, client: HttpClient, told: Line) -> bool:
        """Whether it is one of the message's own."""
        mine = told.get("id") == client.command_id
        if mine and self._turn is None:
            self._turn = told.get("turn")
        return mine or (self._turn is not None and told.get("turn") == self._turn)


class WholeTurn:
    """What became of a message."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._events: list[Line] = []
        self._turn: str | None = None
        self._error: RusterError | None = None
        self._end = "done"
        self._reason: str | None = None

    def take(self, told: Line) -> None:
        """Take one of its events."""
        self._turn = told.get("turn", self._turn)
        match told["event"]:
            case "response":
                if told.get("phase") is None:
                    self._texts.append(told["delta"])
                self._reason = told.get("reason", self._reason)
                return
            case "error":
                self._error = RusterError(told["error"], code=told["code"])
            case "cancelled":
                self._end = "cancelled"
            case "thought":
                return
        self._events.append({name: value for name, value in told.items() if name != "id"})

    def error(self) -> RusterError | None:
        """Return what it ended with in place of an answer."""
        return self._error

    def whole(self, session_id: str) -> Line:
        """Return it as one object: the answer put together, and what happened beside it."""
        return {
            "session_id": session_id,
            "turn": self._turn,
            "end": self._end,
            "reason": self._reason,
            "answer": "".join(self._texts),
            "events": self._events,
        }
