"""Keeping ``state.json`` up to date: written whole, soon after a change, and at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from ruster.core.errors import RusterError
from ruster.core.tasks import spawn
from ruster.storage.disk import Disk
from ruster.storage.files import make_private_folder, write_atomic

__all__ = ["StateFile"]

_log = structlog.stdlib.get_logger("ruster.proactive")
_PAUSE_S = 3.0


class StateFile:
    """``look`` returns what is to be written. A file that cannot be written ends nothing else."""

    def __init__(
        self, path: Path, look: Callable[[], Awaitable[dict[str, Any]]], disk: Disk
    ) -> None:
        self._path = path
        self._look = look
        self._disk = disk
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._failure = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write it from now on, first of all as it is now."""
        self._changed.set()
        self._task = spawn(self._work(), name="pulse state")

    def changed(self) -> None:
        """Take note that it is to be written anew; after some seconds at most."""
        self._changed.set()

    async def aclose(self) -> None:
        """Write what has changed, and no more."""
        self._closing.set()
        self._changed.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def _work(self) -> None:
        while not self._closing.is_set():
            await self._changed.wait()
            self._changed.clear()
            await self._write()
            try:
                async with asyncio.timeout(_PAUSE_S):
                    await self._closing.wait()
            except TimeoutError:
                continue
            if self._changed.is_set():
                await self._write()

    async def _write(self) -> None:
        try:
            state = await self._look()
            await asyncio.to_thread(self._replace, json.dumps(state, indent=2) + "\n")
            self._failure = ""
        except RusterError as error:
            if error.message != self._failure:  # once is enough
                _log.warning("pulse_state_not_written", why=error.message)
            self._failure = error.message

    def _replace(self, text: str) -> None:
        make_private_folder(self._path.parent)
        write_atomic(self._path, text.encode(), self._disk)
