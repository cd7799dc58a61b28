"""Bytes as Go's ``net/http`` and ``encoding/json`` write them, which is what Ollama sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus

__all__ = ["JSON", "LAST_CHUNK", "NDJSON", "TEXT", "chunk", "go_json", "go_time", "head", "whole"]

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"
LAST_CHUNK = b"0\r\n\r\n"

_BUFFERED_BYTES = 2048
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def go_json(value: object) -> bytes:
    """Encode like ``json.Marshal``: no spaces, raw UTF-8, but HTML characters escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(letter, letter) for letter in text).encode()


def go_time(nanoseconds: int) -> str:
    """Write nanoseconds since the epoch like ``time.Time`` in JSON (UTC, no trailing zeros)."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    return f"{stamp}{digits}Z"


def head(status: int, content_type: str | None, length: int | None, extra: str = "") -> bytes:
    """Write status line and headers in Go's order; without ``length`` the body is chunked."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [extra] if extra else []
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines.append(f"Date: {formatdate(usegmt=True)}")
    lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """Write one chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def whole(status: int, body: bytes, content_type: str | None = JSON, extra: str = "") -> bytes:
    """Write a complete answer; Go chunks what its buffer (2048 bytes) does not hold."""
    if len(body) > _BUFFERED_BYTES:
        return head(status, content_type, None, extra) + chunk(body) + LAST_CHUNK
    return head(status, content_type, len(body), extra) + body
