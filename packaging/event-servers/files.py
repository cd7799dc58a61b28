#!/usr/bin/env python3
"""An event server that tells which files change below some folders.

Run it as ``files.py ~/Documents``, then ``rusterctl server attach files -s work``.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from watchfiles import awatch

from ruster.client.event_server import EventServer, Question

_MAX_NAMED = 20


async def run(folders: list[Path], server_folder: Path | None) -> None:
    """Tell of changes until cancelled; whoever asks is told what is watched."""

    async def answer(_question: Question) -> dict[str, list[str]]:
        return {"watched": [str(folder) for folder in folders]}

    about = "Tells which files are added, modified and deleted."
    async with EventServer("files", about, answer=answer, folder=server_folder) as server:
        async for changes in awatch(*folders, step=200):
            told = sorted((change.name, path) for change, path in changes)
            named = [{"change": what, "path": path} for what, path in told[:_MAX_NAMED]]
            await server.emit({"changes": named, "total": len(told)})


def main() -> None:
    """Read the command line and run until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders to watch")
    parser.add_argument("--folder", type=Path, help="where the daemon looks for event servers")
    given = parser.parse_args()
    asyncio.run(run([path.expanduser().absolute() for path in given.folders], given.folder))


if __name__ == "__main__":
    main()
