"""Following what a command goes on telling, on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from ruster.client.failures import failure_of
from ruster.client.lines import encode_command
from ruster.core.errors import DaemonUnreachable
from ruster.protocol.events import ErrorEvent
from ruster.protocol.parsed import ParsedEvent, decode_event

__all__ = ["follow"]

_MAX_LINE_BYTES = 8 << 20


async def follow(path: Path, command: dict[str, Any]) -> AsyncGenerator[ParsedEvent, None]:
    """Iterate over what a command brings, until the reader stops.

    Raises the daemon's error, and DaemonUnreachable when it is away or goes away.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_MAX_LINE_BYTES)
    except OSError as error:
        raise DaemonUnreachable(f"no daemon listens on {path}: {error.strerror}") from error
    try:
        writer.write(encode_command(command))
        while line := await reader.readline():
            parsed = decode_event(line)
            if isinstance(parsed.event, ErrorEvent):
                raise failure_of(parsed)
            yield parsed
    finally:
        writer.close()
    raise DaemonUnreachable("the daemon closed the connection")
