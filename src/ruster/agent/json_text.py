"""Decoding a JSON string of which only a part has come. No I/O."""

from __future__ import annotations

import re

__all__ = ["decode"]

_PLAIN = re.compile(r'[^"\\]+')
_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_PAIR_BEGUN = re.compile(
    r"\\u(?:d(?:[89ab](?:[0-9a-f](?:[0-9a-f](?:\\(?:u(?:d(?:[c-f][0-9a-f]?)?)?)?)?)?)?)?)?\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)
_UNIT_BEGUN = re.compile(r"\\(?:u[0-9a-f]{0,3})?\Z", re.IGNORECASE)
_SIMPLE = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def decode(source: str) -> tuple[str, int, bool]:
    """Decode the inside of a JSON string up to its closing quote or the end of what has come.

    Returns the text, how much of ``source`` it was (with the quote), and whether the quote was
    there. An escape at the end that may go on is left for the next time. Half a surrogate pair
    becomes U+FFFD; what is no escape, and control characters, stand for themselves.
    """
    parts: list[str] = []
    at = 0
    while at < len(source):
        if source[at] == '"':
            return "".join(parts), at + 1, True
        if plain := _PLAIN.match(source, at):
            parts.append(plain[0])
            at = plain.end()
            continue
        escape = _escape(source, at)
        if escape is None:
            break
        text, at = escape
        parts.append(text)
    return "".join(parts), at, False


def _escape(source: str, at: int) -> tuple[str, int] | None:
    """Decode the escape at ``at``: its text and its end, or None when more of it may come."""
    if pair := _PAIR.match(source, at):
        high, low = int(pair[1], 16), int(pair[2], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), pair.end()
    if _PAIR_BEGUN.match(source, at) or _UNIT_BEGUN.match(source, at):
        return None
    if unit := _UNIT.match(source, at):
        code = int(unit[1], 16)
        return _REPLACEMENT if 0xD800 <= code < 0xE000 else chr(code), unit.end()
    simple = _SIMPLE.get(source[at + 1])
    return ("\\", at + 1) if simple is None else (simple, at + 2)
