"""What each user takes of the server: connections and unread bytes."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from ruster.server.settings import ServerSettings

__all__ = ["Metered", "Quota"]


class Metered(Protocol):
    """A connection as the quota sees it."""

    uid: int

    @property
    def unread_bytes(self) -> int:
        """Bytes its client has not read."""
        ...

    def drop(self, code: str, message: str) -> None:
        """End it with a final error."""
        ...


class Quota:
    """Counts per uid; over the limit of bytes, the connection that holds most is dropped."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._connections: Counter[int] = Counter()
        self._unread: Counter[int] = Counter()
        self._holding: dict[int, set[Metered]] = {}

    @property
    def connections(self) -> int:
        """Connections of all users."""
        return self._connections.total()

    def admit(self, uid: int) -> bool:
        """Count a connection in, unless the user has too many already."""
        if self._connections[uid] >= self._settings.max_connections_per_uid:
            return False
        self._connections[uid] += 1
        return True

    def leave(self, uid: int) -> None:
        """Count a connection out."""
        self._connections[uid] -= 1
        if not self._connections[uid]:
            del self._connections[uid]

    def unread(self, connection: Metered, change: int) -> None:
        """Note that ``connection`` holds ``change`` more (or fewer) unread bytes."""
        uid = connection.uid
        self._unread[uid] += change
        holding = self._holding.setdefault(uid, set())
        if connection.unread_bytes:
            holding.add(connection)
        else:
            holding.discard(connection)
        if not self._unread[uid]:
            del self._unread[uid]
            del self._holding[uid]
        elif change > 0 and self._unread[uid] > self._settings.max_buffered_bytes_per_uid:
            worst = max(holding, key=lambda c: c.unread_bytes)
            worst.drop(
                "buffer_exceeded",
                f"your clients left more than {self._settings.max_buffered_bytes_per_uid} bytes "
                "unread; read faster, then attach again with since",
            )
