"""What happened to a session in the background, as its history tells it.

It waits to be shown to the model with the next message, and to the first client that comes when
nobody was there. The order of the lines says what was shown: nothing else is kept of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ruster.core.messages import Message
from ruster.sessions.records import to_message

__all__ = ["Background", "Unseen"]

_MAX_PENDING = 50
_MAX_PENDING_CHARS = 64 * 1024
_MAX_UNSEEN = 100
_MAX_KEYS = 1024


@dataclass(frozen=True, slots=True)
class Unseen:
    """A ``proactive`` event that no client was sent yet."""

    seq: int
    text: str
    source: str
    key: str


class Background:
    """Reads the lines of events, in order."""

    def __init__(self) -> None:
        self._pending: deque[Message] = deque()
        self._keys: dict[str, None] = {}
        self._unseen: deque[Unseen] = deque(maxlen=_MAX_UNSEEN)

    def knows(self, key: str) -> bool:
        """Whether something with this key was taken, among the newest."""
        return key in self._keys

    @property
    def unseen(self) -> tuple[Unseen, ...]:
        """What no client was sent yet, the oldest first."""
        return tuple(self._unseen)

    def take(self, record: dict[str, Any]) -> bool:
        """Take a line in; False if it is no line of this kind."""
        if "seen" in record:
            while self._unseen and self._unseen[0].seq <= record["seen"]:
                self._unseen.popleft()
            return True
        if record.get("role") != "event":
            return False
        message = to_message(record)
        if message is None:
            return True
        self._keys[str(record.get("key"))] = None
        while len(self._keys) > _MAX_KEYS:
            del self._keys[next(iter(self._keys))]
        self._pending.append(message)
        self._shorten()
        if "seq" in record and not record.get("attended"):
            text, source = str(record.get("content", "")), str(record.get("source", ""))
            self._unseen.append(Unseen(record["seq"], text, source, str(record.get("key"))))
        return True

    def take_pending(self) -> list[Message]:
        """Hand over what the model was not shown yet."""
        pending = list(self._pending)
        self._pending.clear()
        return pending

    def give_back(self, messages: Iterable[Message]) -> None:
        """Take back what was handed over for a turn that never was."""
        self._pending.extendleft(reversed([it for it in messages if it.in_background]))

    def undo(self, key: str) -> None:
        """Forget the event taken last."""
        self._keys.pop(key, None)
        self._pending.pop()
        if self._unseen and self._unseen[-1].key == key:
            self._unseen.pop()

    def _shorten(self) -> None:
        """Leave out the oldest beyond the bound; the history keeps them."""
        size = sum(len(it.content) for it in self._pending)
        while len(self._pending) > _MAX_PENDING or (
            size > _MAX_PENDING_CHARS and len(self._pending) > 1
        ):
            size -= len(self._pending.popleft().content)
