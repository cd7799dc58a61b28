"""Reading an answer's body within a bound, also when a few bytes unpack to very many."""

from __future__ import annotations

import codecs
import zlib
from typing import Protocol

import httpx

from ruster.core.errors import ToolError

__all__ = ["ACCEPTED_ENCODINGS", "read_body", "text_of"]

ACCEPTED_ENCODINGS = "gzip, deflate"
_CHARSETS = {
    "utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9",
    "iso8859-15", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "koi8-r", "koi8-u",
    "utf-16", "utf-16-le", "utf-16-be", "shift_jis", "euc_jp", "euc_kr", "big5", "gbk", "gb18030",
}  # fmt: skip
"""By Python's names. Python knows more, some of which are no charsets or slow on purpose."""


class _Decoder(Protocol):
    def take(self, data: bytes, room: int) -> bytes:
        """Decode, to at most ``room`` bytes; raises zlib.error."""
        ...

    def end(self) -> None:
        """Raise zlib.error when something is missing."""
        ...


class _Plain:
    def take(self, data: bytes, room: int) -> bytes:
        return data[:room]

    def end(self) -> None:
        pass


class _Zipped:
    """gzip, or deflate with or without the header that the standard asks for."""

    def __init__(self, encoding: str) -> None:
        self._raw_is_tried = encoding == "gzip"
        self._unpack = zlib.decompressobj(31 if encoding == "gzip" else 15)
        self._began = False

    def take(self, data: bytes, room: int) -> bytes:
        try:
            unpacked = self._unpack.decompress(data, room)
        except zlib.error:
            if self._raw_is_tried or self._began:
                raise
            self._unpack = zlib.decompressobj(-15)
            unpacked = self._unpack.decompress(data, room)
        self._began = self._raw_is_tried = True
        return unpacked

    def end(self) -> None:
        if self._began and not self._unpack.eof:
            raise zlib.error("the compressed data ends too early")


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read and decode a body; raises ToolError (``fetch_too_large``, ``fetch_failed``)."""
    decoder = _decoder(response.headers)
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and len(declared) < 20 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body, raw_bytes = bytearray(), 0
    try:
        async for data in response.aiter_raw():
            raw_bytes += len(data)
            body += decoder.take(data, max_bytes + 1 - len(body))
            if len(body) > max_bytes or raw_bytes > max_bytes:
                raise _too_large(max_bytes)
        decoder.end()
    except zlib.error as error:
        message = f"the answer cannot be decompressed: {error}"
        raise ToolError(message, code="fetch_failed") from None
    return bytes(body)


def text_of(body: bytes, content_type: str) -> str:
    """Read a body as text, by the charset of its content type where that is a known one."""
    return body.decode(_charset(content_type), "replace")


def _charset(content_type: str) -> str:
    for part in content_type.lower().split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip() == "charset":
            try:
                known = codecs.lookup(value.strip().strip("\"'")).name
            except (LookupError, ValueError):
                break
            return known if known in _CHARSETS else "utf-8"
    return "utf-8"


def _decoder(headers: httpx.Headers) -> _Decoder:
    encodings = [name.strip() for name in headers.get("content-encoding", "").lower().split(",")]
    applied = [name for name in encodings if name not in ("", "identity")]
    if not applied:
        return _Plain()
    if len(applied) == 1 and applied[0] in ("gzip", "x-gzip", "deflate"):
        return _Zipped(applied[0].removeprefix("x-"))
    raise ToolError("the answer is encoded in a way that was not asked for", code="fetch_failed")


def _too_large(max_bytes: int) -> ToolError:
    return ToolError(f"the answer is longer than {max_bytes} bytes", code="fetch_too_large")
