"""Notifications by a command of the person's own, such as one that sends to a telephone.

It is given the title and the text as its last two arguments, and everything as one line of JSON on
its standard input. No shell reads them; what it prints is dropped.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress

import structlog

from ruster.core.errors import ConfigError
from ruster.core.notices import Notification
from ruster.proactive.notifying.text import line_of, text_of
from ruster.sandbox.process_tree import kill_tree

__all__ = ["NotifyCommand"]

_MAX_RUNNING = 4
_MAX_WAITING = 32
_log = structlog.stdlib.get_logger("ruster.notifying")


class NotifyCommand:
    """Implements ``core.notices.Notifier``. It shows no buttons and takes nothing away."""

    def __init__(self, command: tuple[str, ...], timeout_s: float = 10.0) -> None:
        if not command:  # else the title would be the program
            raise ConfigError("the command that notifies is empty")
        self._command = command
        self._timeout_s = timeout_s
        self._running = asyncio.Semaphore(_MAX_RUNNING)
        self._waiting = 0

    async def notify(
        self, notification: Notification, chosen: Callable[[str], None] | None = None
    ) -> bool:
        """Run the command; return whether it ended well."""
        problem = await self._in_line(notification)
        if problem is not None:
            _log.warning("notify_command_failed", command=self._command[:1], error=problem)
        return problem is None

    async def withdraw(self, key: str) -> None:
        """What was sent is sent."""

    async def can_ask(self) -> bool:
        """A command is never answered."""
        return False

    async def _in_line(self, notification: Notification) -> str | None:
        if self._waiting >= _MAX_WAITING:
            return "too many notifications at once"
        self._waiting += 1
        try:
            async with self._running:
                return await self._run(notification)
        finally:
            self._waiting -= 1

    async def _run(self, notification: Notification) -> str | None:
        """Run it to its end; return what went wrong."""
        title, text = line_of(notification.title), text_of(notification)
        told = {
            "title": title,
            "text": text,
            "urgency": notification.urgency.value,
            "key": notification.key,
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, _argument(title), _argument(text)),
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"it cannot be run: {error}"
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.communicate(json.dumps(told).encode() + b"\n")
        except TimeoutError:
            return f"it took longer than {self._timeout_s:g} seconds and was ended"
        finally:
            await _end(process)
        return None if process.returncode == 0 else f"it ended with status {process.returncode}"


def _argument(text: str) -> str:
    """Keep somebody's text from being an option of the command."""
    return f" {text}" if text.startswith("-") else text


async def _end(process: Process) -> None:
    """Kill it with all that it started, if it still runs."""
    if process.returncode is None:
        await asyncio.to_thread(kill_tree, process.pid)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
