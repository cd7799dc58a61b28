"""Server-sent events out of raw bytes, cut anywhere. No I/O.

Follows the event stream format of the HTML standard as far as providers use it: the data of each
event; comments, names and ids are passed over.
"""

from __future__ import annotations

import re

from ruster.core.errors import ProviderError
from ruster.llm.wire import is_json

__all__ = ["SseParser"]

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
_ENDS_EVENT = (b"[DONE]",)


class SseParser:
    """Collects bytes and gives back the data of whole events.

    Lines end with LF, CR LF or CR. A line that is a JSON object by itself counts as an event: some
    servers report errors that way. An event larger than ``limit_bytes`` raises ``ProviderError``
    (``provider_protocol``).
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece of the stream and return the data of the events it completes."""
        searched = max(0, len(self._held) - 1)
        self._held += data
        events: list[bytes] = []
        start = 0
        for end in _LINE_END.finditer(self._held, searched):
            self._line(bytes(self._held[start : end.start()]), events)
            start = end.end()
        del self._held[:start]
        self._check(len(self._held))
        return events

    def finish(self) -> list[bytes]:
        """Return what stands without its blank line at the end, if it is whole."""
        events: list[bytes] = []
        self._line(bytes(self._held).rstrip(b"\r"), events)
        self._held.clear()
        rest = b"\n".join(self._data)
        if rest in _ENDS_EVENT or (rest and is_json(rest)):
            events.append(rest)
        return events

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            self._dispatch(events)
        elif line.startswith(b"data:"):
            value = line[5:].removeprefix(b" ")
            self._check(len(value))
            self._size += len(value)
            self._data.append(value)
        elif line.startswith(b"{") and is_json(line):
            self._dispatch(events)
            events.append(line)

    def _dispatch(self, events: list[bytes]) -> None:
        if self._data:
            events.append(b"\n".join(self._data))
            self._data.clear()
            self._size = 0

    def _check(self, more: int) -> None:
        if self._size + more > self._limit:
            raise ProviderError(
                f"the provider sent an event larger than {self._limit} bytes",
                code="provider_protocol",
            )
