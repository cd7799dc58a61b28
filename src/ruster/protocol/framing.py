"""Bytes to lines, with a bound: a line that is too long is reported once and skipped."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["TOO_LONG", "LineBuffer", "TooLong"]


class TooLong(Enum):
    """The type of ``TOO_LONG``."""

    TOO_LONG = "line over the limit"


TOO_LONG: Final = TooLong.TOO_LONG
"""Stands in for a line over the limit."""


class LineBuffer:
    """Holds what arrived until it is taken line by line.

    Of an unfinished line no more than ``limit`` bytes are kept. How much unread input there may be
    is the caller's to bound: it stops reading while ``len`` is large.
    """

    __slots__ = ("_data", "_limit", "_searched", "_skipping")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._searched = 0
        self._skipping = False

    def __len__(self) -> int:
        """Count the bytes not taken yet."""
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._data += data

    def pop(self) -> bytes | TooLong | None:
        """Take the next line without its newline; blank ones are skipped; None if there is none."""
        while (end := self._data.find(b"\n", self._searched)) >= 0:
            line = bytes(self._data[:end])
            del self._data[: end + 1]
            self._searched = 0
            if self._skipping:
                self._skipping = False
            elif len(line) > self._limit:
                return TOO_LONG
            elif line.strip():
                return line
        return self._unfinished()

    def finish(self) -> bytes | None:
        """Take the last line of a stream that ended without a newline; None if there is none."""
        rest = bytes(self._data)
        self._data.clear()
        return rest if rest.strip() and not self._skipping else None

    def _unfinished(self) -> TooLong | None:
        """Bound what is kept of a line whose end has not arrived."""
        found = None
        if not self._skipping and len(self._data) > self._limit:
            self._skipping, found = True, TOO_LONG
        if self._skipping or not self._data:
            self._data = bytearray()
        self._searched = len(self._data)
        return found
