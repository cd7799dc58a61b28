"""Identifiers: random ones for requests and turns, and the one rule for names used in paths."""

from __future__ import annotations

import re
import secrets
import uuid

from ruster.core.errors import ProtocolError

__all__ = ["NAME_PATTERN", "check_file_path", "check_name", "new_id", "new_uuid"]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}$"
"""Session ids and every other name that becomes part of a path (no separators, no leading dot)."""

_NAME = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,254}\Z")
_MAX_PATH_CHARS = 1024


def new_id(prefix: str) -> str:
    """Make an identifier such as ``t-5f0c9a1be2d34c77``: the prefix and 64 random bits."""
    return f"{prefix}-{secrets.token_hex(8)}"


def new_uuid(timestamp: float) -> str:
    """Make a UUID that begins with its time, so that later ones sort later (RFC 9562, version 7).

    ``timestamp`` is in seconds since the epoch.
    """
    millis = max(0, int(timestamp * 1000)) & ((1 << 48) - 1)
    filler = secrets.randbits(74)
    whole = millis << 80 | 7 << 76 | (filler >> 62) << 64 | 2 << 62 | filler & ((1 << 62) - 1)
    return str(uuid.UUID(int=whole))


def check_name(name: str, what: str = "session_id") -> str:
    """Return ``name`` if it may stand in a path, else raise ProtocolError (``invalid_name``)."""
    if _NAME.match(name) and ".." not in name:
        return name
    raise ProtocolError(
        f"{what} must be 1 to 64 letters, digits or . _ : @ + - (no leading punctuation, no '..')",
        code="invalid_name",
    )


def check_file_path(path: str, what: str = "file name") -> str:
    """Return ``path`` if it is made of names with ``/`` between them and stays below its folder.

    The names follow the rule of ``check_name`` but may be 255 characters long. Raises ProtocolError
    (``invalid_name``).
    """
    parts = path.split("/")
    if ".." not in path and len(path) <= _MAX_PATH_CHARS and all(map(_PART.match, parts)):
        return path
    raise ProtocolError(
        f"{what} {path[:100]!r} must be made of letters, digits or . _ : @ + - with '/' between "
        "folders (no leading punctuation, no '..')",
        code="invalid_name",
    )
