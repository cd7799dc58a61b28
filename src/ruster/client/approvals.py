"""Being told what is asked for in all sessions: a connection of its own that only listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from ruster.client.failures import failure_of
from ruster.client.lines import encode_command
from ruster.client.link import LinkLost
from ruster.protocol.events import ErrorEvent
from ruster.protocol.parsed import ParsedEvent, decode_event

__all__ = ["approval_events"]

_MAX_LINE_BYTES = 8 << 20


async def approval_events(path: Path) -> AsyncGenerator[ParsedEvent, None]:
    """Iterate over what waits, then what is asked and answered.

    Raises LinkLost when there is no daemon or it goes away, and the error it answers with.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_MAX_LINE_BYTES)
    except OSError as error:
        raise LinkLost from error
    try:
        writer.write(encode_command({"action": "approval_list", "watch": True}))
        while line := await reader.readline():
            parsed = decode_event(line)
            if isinstance(parsed.event, ErrorEvent):
                raise failure_of(parsed)
            yield parsed
    except OSError as error:
        raise LinkLost from error
    finally:
        writer.close()
    raise LinkLost
