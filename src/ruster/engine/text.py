"""From token bytes to text: UTF-8 held back until complete, stop strings, the pace of sending.

A character may be spelt over several tokens, and a stop string may begin in one piece and end in a
later one: what may still become either is held back.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

__all__ = ["TextPacer", "TextStream"]

_PACE_S = 0.02


class TextStream:
    """Turns the bytes of one answer's tokens into text that may be shown.

    ``stopped`` is set once a stop string has been met; neither it nor what follows is given out.
    Bytes that are not UTF-8 become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """Take one token's bytes and return the text that is certain by now, often empty."""
        return self._filter(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was held back; an unfinished character becomes U+FFFD."""
        text = self._filter(self._decoder.decode(b"", final=True)) + self._held
        self._held = ""
        return "" if self.stopped else text

    def _filter(self, text: str) -> str:
        if not self._stop:
            return text
        if self.stopped:
            return ""
        self._held += text
        hits = [at for at in (self._held.find(stop) for stop in self._stop) if at >= 0]
        if hits:
            self.stopped = True
            sure = min(hits)
        else:
            sure = len(self._held) - max(self._overlap(stop) for stop in self._stop)
        out, self._held = self._held[:sure], self._held[sure:]
        if self.stopped:
            self._held = ""
        return out

    def _overlap(self, stop: str) -> int:
        """Return how many last characters of what is held may begin ``stop``."""
        for size in range(min(len(stop) - 1, len(self._held)), 0, -1):
            if self._held.endswith(stop[:size]):
                return size
        return 0


class TextPacer:
    """Joins the text of a fast model into fewer outputs: each costs the daemon a wake-up.

    The first piece goes out at once, later ones when the last has been out for 20 ms.
    """

    def __init__(self, send: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._send = send
        self._monotonic = monotonic
        self._text = ""
        self._sent_at = float("-inf")

    def add(self, text: str) -> None:
        """Take the next piece; it goes out now or with a later one."""
        self._text += text
        if self._monotonic() - self._sent_at >= _PACE_S:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._text:
            self._send(self._text)
            self._text, self._sent_at = "", self._monotonic()
