"""All open connections, counted by address. When there are too many, who has asked for nothing yet
makes room for who comes."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

__all__ = ["Crowd", "Guest"]


class Guest(Protocol):
    """A connection, as the crowd sees it."""

    def cut(self) -> None:
        """End it at once; its leaving is told as usual."""
        ...


class Crowd:
    """Counts connections. ``waiting`` ones are those that have no request under way."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._by_address: Counter[str] = Counter()
        self._waiting: dict[Guest, str] = {}  # the one that waits longest comes first

    @property
    def count(self) -> int:
        """Open connections."""
        return self._by_address.total()

    def admit(self, guest: Guest, address: str) -> bool:
        """Count a connection in, if need be in place of one that waits; False if there is none."""
        if self._by_address[address] >= self._most_per_address:
            room = self._make_room(address)
        else:
            room = self.count < self._most or self._make_room(None)
        self._by_address[address] += 1
        self._waiting[guest] = address
        return room

    def waits(self, guest: Guest, address: str) -> None:
        """A connection has no request under way any more."""
        self._waiting.setdefault(guest, address)

    def works(self, guest: Guest) -> None:
        """A connection has a request under way."""
        self._waiting.pop(guest, None)

    def leave(self, guest: Guest, address: str) -> None:
        """Count a connection out."""
        self._waiting.pop(guest, None)
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]

    def _make_room(self, address: str | None) -> bool:
        for guest, own in self._waiting.items():
            if address in (None, own):
                del self._waiting[guest]
                guest.cut()
                return True
        return False
