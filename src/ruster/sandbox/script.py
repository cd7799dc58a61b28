"""Runs script skills: a restricted Python, in processes that are kept warm and killed at a limit.

A script is one source with ``main(args)`` or ``main()``. It can compute, and call ``log_info``,
``time_now``, ``http_get`` and ``http_post``; the last three are done here, the web ones through the
guarded client. See ``script_child`` for what it cannot do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from ruster.core.clock import Clock, SystemClock, rfc3339
from ruster.core.errors import ToolError
from ruster.core.ports import WebFetcher
from ruster.core.tasks import spawn
from ruster.core.web import ScriptResult
from ruster.sandbox.script_frames import Ask, Done, Failed, Frame
from ruster.sandbox.script_process import Launch, ScriptProcess, launch
from ruster.sandbox.script_settings import ScriptSettings

__all__ = ["ScriptPool"]

_MAX_WAITING = 32
_MAX_ARGS_BYTES = 256 * 1024
_READ_GRACE_S = 2.0
_LIMITS = {"script_timeout", "script_memory"}


class ScriptPool:
    """A ``core.ports.ScriptRunner``; nothing is started before the first script."""

    def __init__(
        self,
        settings: ScriptSettings,
        web: WebFetcher,
        *,
        clock: Clock | None = None,
        how: Launch = launch,
    ) -> None:
        self._settings = settings
        self._web = web
        self._clock = clock or SystemClock()
        self._how = how
        self._free = asyncio.Semaphore(settings.processes)
        self._waiting = 0
        self._idle: list[tuple[ScriptProcess, asyncio.TimerHandle]] = []

    async def warm(self) -> None:
        """Start a process, so that the next script need not wait for it."""
        if not self._idle:
            self._keep(await ScriptProcess.start(self._settings, self._how))

    async def run(self, source: str, args: Mapping[str, Any] | str | None = None) -> ScriptResult:
        """Run a script; see ``core.ports.ScriptRunner``."""
        command = self._command(source, args)
        if self._waiting >= _MAX_WAITING:
            message = "too many scripts wait to be run; try again later"
            raise ToolError(message, code="script_busy", retryable=True)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._run(command)
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """End all waiting processes; no script may run."""
        while self._idle:
            process, timer = self._idle.pop()
            timer.cancel()
            await process.kill()

    def _command(self, source: str, args: Mapping[str, Any] | str | None) -> dict[str, object]:
        limit = self._settings.max_source_bytes
        if len(source.encode("utf-8", "replace")) > limit:
            raise ToolError(f"the script is longer than {limit} bytes", code="script_invalid")
        given = args if isinstance(args, str) or args is None else dict(args)
        try:
            if len(json.dumps(given)) > _MAX_ARGS_BYTES:
                raise ValueError(f"they are longer than {_MAX_ARGS_BYTES} bytes")
        except (TypeError, ValueError, RecursionError) as error:
            message = f"the script's arguments cannot be passed: {error}"
            raise ToolError(message, code="script_invalid") from None
        return {"source": source, "args": given}

    async def _run(self, command: Mapping[str, object]) -> ScriptResult:
        process = await self._take()
        reusable = False
        try:
            async with asyncio.timeout(self._settings.max_wall_s):
                process.send(command)
                frame, origins = await self._talk(process)
            reusable = isinstance(frame, Done) or frame.code not in _LIMITS
        except TimeoutError:
            message = f"the script took longer than {self._settings.max_wall_s:g} s"
            raise ToolError(message, code="script_timeout") from None
        finally:
            process.runs += 1
            if reusable and process.runs < self._settings.runs_per_process:
                self._keep(process)
            else:
                await process.kill()
        return _result(frame, origins)

    async def _talk(self, process: ScriptProcess) -> tuple[Done | Failed, tuple[str, ...]]:
        """Answer the script's questions until it ends."""
        host = _Host(self._web, self._clock, self._settings.max_requests)
        while True:
            frame: Frame = await process.read(self._settings.max_cpu_s + _READ_GRACE_S)
            if isinstance(frame, Done | Failed):
                return frame, tuple(sorted(host.origins))
            if not isinstance(frame, Ask):
                raise ToolError("the process of the script broke its rules", code="script_failed")
            process.send(await host.answer(frame))

    async def _take(self) -> ScriptProcess:
        while self._idle:
            process, timer = self._idle.pop()
            timer.cancel()
            if process.alive:
                return process
        return await ScriptProcess.start(self._settings, self._how)

    def _keep(self, process: ScriptProcess) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._settings.idle_s, self._let_go, process)
        self._idle.append((process, timer))

    def _let_go(self, process: ScriptProcess) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not process]
        spawn(process.kill(), name="end an idle script process")


class _Host:
    """What a script may ask of the daemon, for one run."""

    def __init__(self, web: WebFetcher, clock: Clock, max_requests: int) -> None:
        self._web = web
        self._clock = clock
        self._left = max_requests
        self.origins: set[str] = set()

    async def answer(self, ask: Ask) -> dict[str, str]:
        """Return ``text``, or ``error`` for the script to see."""
        try:
            if ask.name == "time_now":
                return {"text": rfc3339(self._clock.now())}
            return {"text": await self._fetch(ask)}
        except ToolError as error:
            return {"error": error.message}

    async def _fetch(self, ask: Ask) -> str:
        post = ask.name == "http_post"
        if len(ask.arguments) != 1 + post:
            raise ToolError(f"{ask.name} takes {1 + post} arguments")
        if self._left <= 0:
            raise ToolError("the script has used up its requests to the web")
        self._left -= 1
        try:
            answer = await self._web.fetch(
                ask.arguments[0],
                method="POST" if post else "GET",
                body=ask.arguments[1].encode() if post else b"",
            )
        except ToolError as error:
            if error.origin is not None:
                self.origins.add(error.origin)
            raise
        self.origins.add(answer.origin)
        if answer.status >= 400:
            raise ToolError(f"{answer.url} answered with status {answer.status}")
        return answer.text


def _result(frame: Done | Failed, origins: tuple[str, ...]) -> ScriptResult:
    if isinstance(frame, Failed):
        where = f", line {frame.line}" if frame.line else ""
        message = f"the script failed{where}: {frame.message}"
        raise ToolError(message, code=frame.code, origin=next(iter(origins), None))
    return ScriptResult(frame.text, tuple(frame.log), frame.printed, origins)
