"""The text of an answer, put together from the events of its turn."""

from __future__ import annotations

from ruster.core.errors import SessionError
from ruster.protocol.events import Cancelled, Deleted, Event, NoticeEvent, Response

__all__ = ["Answer", "is_restart"]


class Answer:
    """Give it every event of a turn; ``text`` is what has been said so far.

    Raises SessionError (``cancelled``, ``session_not_found``) when somebody ended the turn.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The answer, without the markers that are no part of it."""
        return "".join(self._pieces)

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Response) and event.phase is None:
            self._pieces.append(event.delta)
        elif is_restart(event):
            self._pieces.clear()
        elif isinstance(event, Cancelled):
            raise SessionError("the turn was cancelled before it was done", code="cancelled")
        elif isinstance(event, Deleted):
            raise SessionError("the session was deleted before the answer was done")


def is_restart(event: Event) -> bool:
    """Whether the answer begins anew, because the daemon stopped in the middle of it."""
    return isinstance(event, NoticeEvent) and event.code == "turn_restarted"
