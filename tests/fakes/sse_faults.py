"""Streams of server-sent events as servers write them, and the ways any of them can break."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any

from tests.fakes.go_http import LAST_CHUNK, chunk, head, whole
from tests.fakes.http_server import Close, Fault, Hang, Pause, Reset, Step

__all__ = ["SSE_HEAD", "TRANSPORT_FAULTS", "event", "said", "status"]

SSE = "text/event-stream; charset=utf-8"
SSE_HEAD = head(200, SSE, None)
_GZIPPED = head(200, SSE, None, "Content-Encoding: gzip")


def event(value: Any) -> bytes:
    """Write one event as Python and JavaScript servers do: compact JSON, raw UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def said(events: Iterable[bytes], end: bytes = LAST_CHUNK) -> list[Step]:
    """Send these events, a chunk each."""
    return [SSE_HEAD, *map(chunk, events), end]


def status(code: int, body: object, *headers: str, kind: str = "application/json") -> Fault:
    """Answer with an error status and this body (bytes as they are, the rest as JSON)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _events: [whole(code, data, kind, "\r\n".join(headers))]


TRANSPORT_FAULTS: dict[str, tuple[Fault, str]] = {
    "closed without an answer": (lambda _: [Close()], "provider_unreachable"),
    "reset without an answer": (lambda _: [Reset()], "provider_unreachable"),
    "not HTTP": (lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n", Close()], "provider_unreachable"),
    "gateway without upstream": (
        status(502, b"", kind="text/html"),
        "provider_unreachable",
    ),
    "another server": (
        status(404, b"<html>Not Found</html>", kind="text/html"),
        "provider_mismatch",
    ),
    "redirect": (status(308, b"", "Location: /elsewhere"), "provider_rejected"),
    "server error without a body": (status(500, b""), "provider_failed"),
    "a web page": (status(200, b"<html>hi</html>", kind="text/html"), "provider_protocol"),
    "no event at all": (lambda _: said(()), "provider_stream_cut"),
    "comments only": (lambda _: said((b": ping\n\n",) * 3), "provider_stream_cut"),
    "ended before the end": (lambda events: said(events[:1]), "provider_stream_cut"),
    "ended within an event": (
        lambda events: said((events[0], events[1][:20])),
        "provider_stream_cut",
    ),
    "closed between chunks": (
        lambda events: [SSE_HEAD, chunk(events[0]), Close()],
        "provider_stream_cut",
    ),
    "closed within a chunk": (
        lambda events: [SSE_HEAD, chunk(events[0]), chunk(events[1])[:-20], Close()],
        "provider_stream_cut",
    ),
    "reset within a chunk": (
        lambda events: [SSE_HEAD, chunk(events[0])[:-20], Pause(0.02), Reset()],
        "provider_stream_cut",
    ),
    "broken chunk size": (
        lambda events: [SSE_HEAD, chunk(events[0]), b"zz\r\n", Close()],
        "provider_stream_cut",
    ),
    "silent from the start": (lambda _: [Hang()], "provider_timeout"),
    "silent after the head": (lambda _: [SSE_HEAD, Hang()], "provider_timeout"),
    "silent within an answer": (
        lambda events: [SSE_HEAD, chunk(events[0]), Hang()],
        "provider_timeout",
    ),
    "an event of rubbish": (
        lambda events: said((events[0], b"data: \x00\x01\n\n")),
        "provider_protocol",
    ),
    "an event that is no object": (lambda _: said((b"data: [1,2]\n\n",)), "provider_protocol"),
    "an object of another kind": (lambda _: said((b'data: {"a":1}\n\n',)), "provider_protocol"),
    "broken UTF-8": (
        lambda _: said((b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',)),
        "provider_protocol",
    ),
    "deep nesting": (
        lambda _: said((b'data: {"choices":' + b"[" * 100_000 + b"\n\n",)),
        "provider_protocol",
    ),
    "an endless line": (
        lambda _: [SSE_HEAD, *[chunk(b"data: " + b"x" * 1_000_000)] * 9, LAST_CHUNK],
        "provider_protocol",
    ),
    "an endless event": (
        lambda _: [SSE_HEAD, *[chunk(b"data: " + b"x" * 999_990 + b"\n")] * 9, LAST_CHUNK],
        "provider_protocol",
    ),
    "false gzip": (lambda _: [_GZIPPED, chunk(b"not gzip"), LAST_CHUNK], "provider_protocol"),
    "cut gzip": (
        lambda events: [_GZIPPED, chunk(gzip.compress(events[0])[:-12]), LAST_CHUNK],
        "provider_stream_cut",
    ),
}
"""What can happen to any provider, and the code of the one error it must end in."""
