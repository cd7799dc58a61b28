"""Which headers pass the proxy. No I/O.

Out of a request go the hop's own, everything that shows who asks, and what a browser or another
proxy adds. Out of an answer go the hop's own, cookies, and what would open it to web pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["Headers", "passed_down", "passed_up", "value_of", "values_of"]

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case with their values, in order."""

_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"http2-settings"),
    }
)
_WHO_ASKS = frozenset(
    {
        *(b"authorization", b"x-proxy-auth", b"x-goog-api-key", b"x-api-key", b"api-key"),
        *(b"x-goog-user-project", b"x-goog-iam-authorization-token", b"cookie", b"origin"),
        *(b"referer", b"forwarded", b"x-real-ip", b"via"),
        *(b"x-http-method-override", b"x-http-method", b"x-method-override"),
    }
)
_REWRITTEN = frozenset({b"host", b"expect"})
_FAMILIES = (b"x-forwarded-", b"sec-", b"proxy-")
_NOT_DOWN = frozenset({b"set-cookie", b"alt-svc", b"strict-transport-security"})
_CORS = b"access-control-"


def values_of(headers: Headers, name: bytes) -> list[bytes]:
    """Return all values of a header."""
    return [value for own, value in headers if own == name]


def value_of(headers: Headers, name: bytes) -> bytes | None:
    """Return a header's value, None if it is absent or there are several."""
    found = values_of(headers, name)
    return found[0] if len(found) == 1 else None


def passed_up(headers: Headers, own: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return what a service gets of a request's headers, and the proxy's ``own`` in their place.

    A body without a told length is chunked again; with both told, the length does not count.
    """
    pairs = list(headers)
    ours = [(name.lower().encode(), value.encode()) for name, value in own.items()]
    left_out = _HOP | _WHO_ASKS | _REWRITTEN | _named(pairs) | {name for name, _ in ours}
    if values_of(pairs, b"transfer-encoding"):
        left_out |= {b"content-length"}
    kept = [it for it in pairs if it[0] not in left_out and not it[0].startswith(_FAMILIES)]
    return kept + ours


def passed_down(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return what a client gets of an answer's headers."""
    pairs = [(name.lower(), value) for name, value in headers]
    left_out = _HOP | _NOT_DOWN | _named(pairs)
    return [it for it in pairs if it[0] not in left_out and not it[0].startswith(_CORS)]


def _named(headers: Headers) -> frozenset[bytes]:
    """Return the headers that ``Connection`` declares to be this hop's own."""
    values = values_of(headers, b"connection")
    names = (name.strip().lower() for value in values for name in value.split(b","))
    return frozenset(names) - {b"content-length", b"content-type"}
