"""Cutting a byte stream into lines: what NDJSON and server-sent events have in common."""

from __future__ import annotations

from ruster.core.errors import ProviderError

__all__ = ["LineSplitter"]


class LineSplitter:
    """Collects bytes and gives back whole lines, wherever the stream was cut.

    Bytes are decoded by nobody here, so a cut inside a UTF-8 character does no harm. Lines end with
    LF or CR LF; blank lines are dropped. A line longer than ``limit_bytes`` raises
    ``ProviderError`` (``provider_protocol``).
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece of the stream and return the lines it completes."""
        searched = len(self._held)
        self._held += data
        end = self._held.rfind(b"\n", searched)
        complete = b"" if end < 0 else bytes(self._held[:end])
        del self._held[: end + 1]
        lines = [line.rstrip(b"\r") for line in complete.split(b"\n")]
        if max(len(self._held), *map(len, lines)) > self._limit:
            raise ProviderError(
                f"the provider sent a line longer than {self._limit} bytes",
                code="provider_protocol",
            )
        return [line for line in lines if line]

    def rest(self) -> bytes:
        """Return what stands after the last line end, once the stream is over."""
        return bytes(self._held).strip(b"\r")
