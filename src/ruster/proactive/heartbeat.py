"""Looking whether ruster can still do its work: cheap, and without any model."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from ruster.core.errors import JobError
from ruster.core.ids import new_id

__all__ = ["Heartbeat"]

_LEAST_FREE_BYTES = 64 << 20


class Heartbeat:
    """Looks at the folder that everything is kept in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self) -> str:
        """Return how it is; raises JobError when something must be done about it."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> str:
        probe = self._folder / f".{new_id('probe')}"
        try:
            probe.touch(mode=0o600)
            probe.unlink()
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            why = f"cannot write to {self._folder}: {error}"
            raise JobError(why, code="job_invalid") from error
        if free < _LEAST_FREE_BYTES:
            raise JobError(
                f"only {free >> 20} MiB are free at {self._folder}; free some space",
                code="job_invalid",
            )
        load = os.getloadavg()[0]
        return f"well: {free >> 20} MiB free, load {load:.2f}"
