"""One process that runs scripts, as the daemon sees it: start, lines in and out, end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from ruster.core.errors import ToolError
from ruster.sandbox.script_frames import Frame, Missing, Ready, read_frame
from ruster.sandbox.script_settings import ScriptSettings

__all__ = ["Launch", "ScriptProcess", "launch"]

Launch = Callable[[Sequence[str]], Awaitable[Process]]
"""Starts a command with pipes for its input and output; a stronger sandbox may take its place."""

_CHILD = Path(__file__).with_name("script_child.py")
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_START_TIMEOUT_S = 20.0
_GRACE_MS = 500
_SPARE_BYTES = 512 * 1024 * 1024
_MAX_CALLS = 1000
_NOT_INSTALLED = "scripts need an interpreter: pip install 'ruster[scripts]'"


async def launch(command: Sequence[str]) -> Process:
    """Start a process without environment, in a group of its own."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
        limit=_MAX_FRAME_BYTES,
    )


class ScriptProcess:
    """A running child. It does one thing at a time; after any surprise it is killed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.runs = 0

    @classmethod
    async def start(cls, settings: ScriptSettings, how: Launch) -> ScriptProcess:
        """Start one and wait until it is ready; raises ToolError."""
        command = (sys.executable, "-P", "-B", str(_CHILD), json.dumps(_limits(settings)))
        try:
            process = cls(await how(command))
        except OSError as error:
            raise ToolError(f"the process for scripts cannot be started: {error}") from None
        try:
            first = await process.read(_START_TIMEOUT_S)
            if isinstance(first, Missing):
                raise ToolError(f"{_NOT_INSTALLED} ({first.message})", code="scripts_missing")
            if not isinstance(first, Ready):
                raise ToolError("the process for scripts does not start as it should")
        except BaseException:
            await process.kill()
            raise
        return process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    def send(self, frame: Mapping[str, object]) -> None:
        """Write one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(frame).encode("ascii") + b"\n")

    async def read(self, timeout_s: float) -> Frame:
        """Return what it says next; raises ToolError when it dies, stays silent or talks rot."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._process.stdout.readline()
            return read_frame(line)
        except TimeoutError:
            message = "the script computed for too long"
            raise ToolError(message, code="script_timeout") from None
        except ValueError:
            message = "the process of the script ended or broke its rules"
            raise ToolError(message, code="script_failed") from None

    async def kill(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.shield(self._process.wait())


def _limits(settings: ScriptSettings) -> dict[str, int]:
    return {
        "memory_bytes": settings.max_memory_bytes,
        "address_space_bytes": settings.max_memory_bytes * 2 + _SPARE_BYTES,
        "cpu_ms": int(settings.max_cpu_s * 1000),
        "grace_ms": _GRACE_MS,
        "depth": settings.max_depth,
        "calls": _MAX_CALLS,
        "result_chars": settings.max_result_chars,
    }
