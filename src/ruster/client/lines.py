"""The two directions of the wire as a client sees them: commands to bytes, bytes to lines."""

from __future__ import annotations

import json
from typing import Any

from ruster.core.errors import ProtocolError

__all__ = ["Lines", "encode_command"]

_MAX_LINE_BYTES = 64 << 20


def encode_command(command: dict[str, Any]) -> bytes:
    """Write a command as one line; fields that are None are left out.

    Raises ProtocolError (``invalid_json``) for what JSON in UTF-8 cannot carry.
    """
    fields = {name: value for name, value in command.items() if value is not None}
    try:
        return json.dumps(fields, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (ValueError, TypeError) as error:
        raise ProtocolError(
            f"the command cannot be written as JSON in UTF-8: {error}", code="invalid_json"
        ) from error


class Lines:
    """Cuts what arrives into lines, wherever it was split."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take what arrived and return the lines it completes, without newlines.

        Raises ProtocolError (``line_too_long``) beyond 64 MiB without a newline.
        """
        self._parts.append(chunk)
        self._size += len(chunk)
        if b"\n" not in chunk:
            if self._size > _MAX_LINE_BYTES:
                raise ProtocolError("the socket sent a line without end", code="line_too_long")
            return []
        *lines, rest = b"".join(self._parts).split(b"\n")
        self._parts, self._size = [rest], len(rest)
        return [line for line in lines if line]
