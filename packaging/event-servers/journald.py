#!/usr/bin/env python3
"""An event server that tells of warnings and errors in the system's journal as they come.

Run it as ``journald.py``, then ``rusterctl server attach journald -s work``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from ruster.client.event_server import EventServer

_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_MAX_LINE_BYTES = 16 << 20
_MAX_CHARS = 2000


def event_of(line: bytes) -> dict[str, Any] | None:
    """Return what is worth telling of a line of ``journalctl -o json``; None for what is none."""
    try:
        entry = json.loads(line)
        message = entry.get("MESSAGE")
        if isinstance(message, list):  # bytes that are no UTF-8, as numbers
            message = bytes(message).decode("utf-8", "replace")
        level = _LEVELS[int(entry.get("PRIORITY", 6))]
    except (ValueError, TypeError, AttributeError, IndexError):
        return None
    who = entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM")
    return {"level": level, "unit": who, "message": str(message)[:_MAX_CHARS]}


async def run(priority: str, server_folder: Path | None) -> None:
    """Follow the journal until it ends or we are cancelled."""
    about = f"Tells of messages in the system's journal, from {priority} up."
    async with EventServer("journald", about, folder=server_folder) as server:
        process = await asyncio.create_subprocess_exec(
            *("journalctl", "-f", "-n", "0", "-o", "json", "-p", priority),
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                if (event := event_of(line)) is not None:
                    await server.emit(event)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def main() -> None:
    """Read the command line and run until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--priority", default="warning", choices=_LEVELS)
    parser.add_argument("--folder", type=Path, help="where the daemon looks for event servers")
    given = parser.parse_args()
    asyncio.run(run(given.priority, given.folder))


if __name__ == "__main__":
    main()
