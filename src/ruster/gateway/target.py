"""Where a request leads: its prefix names the service, the rest is passed on unchanged. No I/O.

A path that could be read in two ways (dot segments, empty segments, backslashes, in plain or in
percent-encoded form) is refused and never tidied up: what was checked here is what is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from ruster.gateway.refusal import Refusal

__all__ = ["Target", "find_target"]

_SECRET_FIELDS = frozenset(
    {"key", "api_key", "apikey", "access_token", "oauth_token", "httpheaders"}
)
_PRINTABLE = range(0x21, 0x7F)
_DECODINGS = 4


@dataclass(frozen=True, slots=True)
class Target:
    """A service's prefix and what is asked of it: path and query, byte for byte."""

    prefix: str
    path: bytes
    query: bytes

    @property
    def spelt(self) -> bytes:
        """Path and query as they stand in a request line."""
        return self.path + (b"?" + self.query if self.query else b"")


def find_target(raw_path: bytes, query: bytes, prefixes: Collection[str]) -> Target:
    """Split a request's path; raises ``Refusal`` with 400 or 404.

    Keys in the query are left out: the proxy adds its own, elsewhere.
    """
    if not all(byte in _PRINTABLE for byte in raw_path + query) or b"#" in raw_path + query:
        raise _unclear("characters that no path has")
    if not raw_path.startswith(b"/"):
        raise _unclear("no leading slash: ask with a path, not with a whole address")
    prefix, slash, rest = raw_path[1:].decode("ascii").partition("/")
    if prefix not in prefixes:
        known = ", ".join(f"/{name}" for name in sorted(prefixes))
        raise Refusal(404, "unknown_prefix", f"no such path: it begins with one of {known}")
    _check_segments(rest)
    return Target(prefix, (slash + rest).encode("ascii") or b"/", _without_keys(query))


def _check_segments(rest: str) -> None:
    for _ in range(_DECODINGS):
        segments = rest.replace("\\", "/").split("/")
        if any(segment.partition(";")[0] in (".", "..") for segment in segments):
            raise _unclear("dot segments")
        if "" in segments[:-1]:
            raise _unclear("empty segments")
        if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in rest):
            raise _unclear("control characters")
        decoded = unquote(rest, "latin-1")
        if decoded == rest:
            return
        rest = decoded
    raise _unclear("characters encoded several times")


def _without_keys(query: bytes) -> bytes:
    return b"&".join(pair for pair in query.split(b"&") if not _is_key(pair))


def _is_key(pair: bytes) -> bool:
    name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("latin-1")
    return name.strip().lstrip("$").lower() in _SECRET_FIELDS


def _unclear(what: str) -> Refusal:
    return Refusal(400, "invalid_path", f"the path has {what}")
