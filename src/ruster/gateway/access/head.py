"""The head of a request, as checks see it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruster.gateway.headers import Headers, value_of, values_of
from ruster.gateway.refusal import Refusal

__all__ = ["Head", "check_framing", "read_head"]

_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Head:
    """``secure`` says that it came over TLS, ``upgrade`` that it asks for a WebSocket."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    secure: bool
    upgrade: bool

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.upgrade or self.method not in _READING

    def one(self, name: bytes) -> str | None:
        """Return a header's value, None if it is absent or there are several."""
        value = value_of(self.headers, name)
        return None if value is None else value.decode("latin-1")

    def all(self, name: bytes) -> list[str]:
        """Return all values of a header."""
        return [value.decode("latin-1") for value in values_of(self.headers, name)]


def read_head(scope: Mapping[str, Any]) -> Head:
    """Read it from an ASGI scope, of a request or a WebSocket."""
    headers: Headers = scope["headers"]
    return Head(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope.get("query_string", b""),
        headers=[(name.lower(), value) for name, value in headers],
        secure=scope["scheme"] in ("https", "wss"),
        upgrade=scope["type"] == "websocket",
    )


def check_framing(head: Head, max_bytes: int, max_headers: int) -> None:
    """Raise ``Refusal`` with 431 for a head that is too large, 400 for one that can be read in two
    ways, as smuggled requests are."""
    size = len(head.path) + len(head.query)
    size += sum(len(name) + len(value) + 4 for name, value in head.headers)
    if size > max_bytes or len(head.headers) > max_headers:
        raise Refusal(
            431,
            "head_too_large",
            f"the head of a request may have {max_bytes} bytes and {max_headers} headers",
        )
    lengths = head.all(b"content-length")
    codings = head.all(b"transfer-encoding")
    if codings and (lengths or len(codings) > 1 or codings[0].lower() != "chunked"):
        raise Refusal(
            400, "ambiguous_request", "how long the body is can be read in two ways: tell it once"
        )
    if len(lengths) > 1 or len(head.all(b"host")) != 1:
        raise Refusal(400, "ambiguous_request", "a header that must be there once is not")
