"""Running a program in the sandbox: start, watch, end, and tell how it ended.

What confines the program is a mechanism's business. Whatever happens here, nothing is left when
``run`` returns or raises: no process, no descriptor, no temporary file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from signal import SIGKILL
from subprocess import DEVNULL, PIPE
from typing import Any, TypeVar

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import StorageError, ToolError
from ruster.core.sandbox import Completed, Limit, ProcessSpec
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.sandbox.limits import limit_of, split_status
from ruster.sandbox.probe import Probe, probe
from ruster.sandbox.process_child import Capture, Child, StatusPipe
from ruster.sandbox.process_plan import Descriptors, Mechanism, Plan, memory_file
from ruster.sandbox.process_tree import TreeUsage

__all__ = ["SystemSandbox"]

_SAMPLE_S = 0.05
_END_PATIENCE_S = 0.5
_T = TypeVar("_T")
_log = logging.getLogger("ruster.sandbox")


class SystemSandbox:
    """The sandbox of this machine; fulfils ``core.ports.ProcessSandbox``.

    ``mechanism`` is given by tests; else the best one that works is found at the first use.
    """

    def __init__(self, *, mechanism: Mechanism | None = None, clock: Clock | None = None) -> None:
        self._mechanism = mechanism
        self._clock = clock or SystemClock()
        self._choosing = asyncio.Lock()

    async def run(self, spec: ProcessSpec) -> Completed:
        """Run a program; see ``core.ports.ProcessSandbox``."""
        _check(spec)
        mechanism = await self._chosen()
        stack, descriptors = ExitStack(), Descriptors()
        try:
            plan = await _in_thread(lambda: mechanism.plan(spec, descriptors, stack))
            stdin = memory_file("stdin", spec.stdin, descriptors.stack) if spec.stdin else DEVNULL
            return await _Run(spec, plan, self._clock).carry_out(stdin, descriptors)
        except OSError as error:
            raise _failed(str(error)) from error
        finally:
            descriptors.stack.close()
            await _in_thread(stack.close)

    async def _chosen(self) -> Mechanism:
        async with self._choosing:
            if self._mechanism is None:
                found: Probe = await _in_thread(probe)
                if found.mechanism is None:
                    raise ToolError(found.advice, code="sandbox_missing")
                self._mechanism = found.mechanism
                _log.info("programs are confined by %s", found.mechanism.name)
        return self._mechanism


class _Run:
    """One run of one program."""

    def __init__(self, spec: ProcessSpec, plan: Plan, clock: Clock) -> None:
        self._spec = spec
        self._plan = plan
        self._clock = clock
        self._ended: asyncio.Future[Limit | None] = asyncio.get_running_loop().create_future()
        kept = spec.limits.output_bytes
        self._captures = {
            "stdout": Capture(kept, spec.stdout),
            "stderr": Capture(kept, spec.stderr),
        }
        self._child = Child(
            self._captures,
            on_overflow=lambda: self._end_by(Limit.OUTPUT),
            on_gone=lambda: self._end_by(None),
        )
        self._status = StatusPipe(plan.status_fd)
        self._usage = TreeUsage(0, plan.folder)

    async def carry_out(self, stdin: int, descriptors: Descriptors) -> Completed:
        """Start it, wait for its end or for a limit, and clean up."""
        started = self._clock.monotonic()
        tasks = [spawn(self._watch(), name="sandbox watch")]
        writers = [
            spawn(capture.write_on(), name=f"sandbox {name}", log_failure=False)
            for name, capture in self._captures.items()
        ]
        timer = asyncio.get_running_loop().call_later(
            self._spec.limits.wall_s, self._end_by, Limit.WALL
        )
        try:
            # Cancelled in the middle, asyncio would kill the command and nothing below it.
            await _to_the_end(self._start(stdin, descriptors))
            limit = await self._ended
        finally:
            timer.cancel()
            await _to_the_end(self._end(tasks))
            await _to_the_end(_all_ended(writers))
        _raise_of(writers)
        return self._completed(limit, self._clock.monotonic() - started)

    async def _start(self, stdin: int, descriptors: Descriptors) -> None:
        """Start the command and close what is only for it."""
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self._child,
                *self._plan.command,
                stdin=stdin, stdout=PIPE, stderr=PIPE,
                env={}, cwd="/", pass_fds=descriptors.inherited, start_new_session=True,
            )  # fmt: skip
        finally:
            descriptors.stack.close()

    async def _watch(self) -> None:
        """Look what it uses, again and again; nothing wakes us when a tree grows."""
        self._usage.root = await self._status.root
        while not self._ended.done():
            limit = await asyncio.to_thread(self._usage.exceeded, self._spec.limits)
            if limit is not None:
                self._end_by(limit)
            await asyncio.sleep(_SAMPLE_S)

    def _end_by(self, limit: Limit | None) -> None:
        if not self._ended.done():
            self._ended.set_result(limit)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """End everything that is left and wait until it is gone."""
        if self._child.started:
            for number in (self._plan.end_signal, SIGKILL):
                await self._child.end(number)
                if await _within(_END_PATIENCE_S, self._child.gone):
                    break
            root_gone = spawn(self._status.root_gone(), name="sandbox end")
            if not await _within(_END_PATIENCE_S, root_gone):
                _log.error("a sandboxed program could not be ended: %s", self._spec.argv[0])
            await cancel_and_wait(root_gone)
        for capture in self._captures.values():
            capture.complete()
        await cancel_and_wait(*tasks)
        self._status.close()

    def _completed(self, limit: Limit | None, wall_s: float) -> Completed:
        stdout, stderr = (self._captures[name].output for name in ("stdout", "stderr"))
        code = self._status.exit_code
        if limit is None and code is None:
            raise _failed(stderr.text.strip() or "it gave no reason")
        status, number = (None, None) if limit or code is None else split_status(code)
        return Completed(
            status=status,
            signal=number,
            limit=limit or limit_of(number),
            stdout=stdout,
            stderr=stderr,
            wall_s=wall_s,
            cpu_s=self._usage.cpu_s,
        )


def _check(spec: ProcessSpec) -> None:
    """Refuse what no kernel takes: empty command lines, NUL bytes, odd variables."""
    words = (*spec.argv, *spec.environment, *spec.environment.values(), str(spec.folder or ""))
    if not spec.argv or not spec.argv[0] or any("\0" in word for word in words):
        raise _failed("a command line needs a program, and no NUL bytes")
    if any(not name or "=" in name for name in spec.environment):
        raise _failed("the name of a variable is empty or contains '='")


async def _in_thread(function: Callable[[], _T]) -> _T:
    """Call a function in a thread and wait for it even when cancelled: it holds resources."""
    return await _to_the_end(asyncio.to_thread(function))


async def _to_the_end(coro: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end; a cancellation is passed on after that."""
    task = spawn(coro, name="sandbox step", log_failure=False)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


async def _within(seconds: float, waited: asyncio.Future[None]) -> bool:
    done, _ = await asyncio.wait([waited], timeout=seconds)
    return bool(done)


async def _all_ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def _raise_of(writers: list[asyncio.Task[None]]) -> None:
    for writer in writers:
        if (error := writer.exception()) is not None:
            raise StorageError(f"The program's output cannot be written: {error}") from error


def _failed(why: str) -> ToolError:
    return ToolError(f"The program could not be started: {why}", code="sandbox_failed")
