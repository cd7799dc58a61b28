"""The worker process as the daemon sees it: start, frames in and out, stderr into the log, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from ruster.core.errors import ProtocolError
from ruster.core.orchestration import EngineInput, EngineOutput, Stop
from ruster.core.orchestration_json import dump_input, parse_output

__all__ = ["MAX_OUTPUT_BYTES", "WorkerProcess"]

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
_MAX_LOG_LINE = 64 * 1024
_KEPT_LOG_LINES = 5
_EXIT_GRACE_S = 1.0
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_log = logging.getLogger("ruster.engine")


class WorkerProcess(asyncio.SubprocessProtocol):
    """A running worker.

    ``on_output`` gets each output as it is read, without a task in between; ``on_exit`` is called
    once, when the process is gone, with a phrase that says how it ended.
    """

    def __init__(
        self, on_output: Callable[[EngineOutput], None], on_exit: Callable[[str], None]
    ) -> None:
        self._on_output = on_output
        self._on_exit = on_exit
        self._transport: asyncio.SubprocessTransport | None = None
        self._gone = asyncio.get_running_loop().create_future()
        self._partial: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self._last_words: deque[str] = deque(maxlen=_KEPT_LOG_LINES)

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        on_output: Callable[[EngineOutput], None],
        on_exit: Callable[[str], None],
    ) -> WorkerProcess:
        """Start the process, away from the terminal's signals. Raises OSError."""
        pipe = asyncio.subprocess.PIPE
        _, protocol = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(on_output, on_exit),
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        return protocol

    @property
    def pid(self) -> int:
        """The process id, 0 once it is gone."""
        return (self._transport.get_pid() or 0) if self._transport is not None else 0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._transport is not None and self._transport.get_returncode() is None

    def send(self, message: EngineInput) -> None:
        """Write a command; to a process that has gone it does nothing (``on_exit`` tells)."""
        stdin = self._stdin()
        if stdin is not None and not stdin.is_closing():
            stdin.write(dump_input(message))

    def kill(self) -> None:
        """End it at once."""
        # Not the transport's kill: it polls first, which may take the exit status from asyncio.
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it and wait until it is gone and told so."""
        self.kill()
        await asyncio.shield(self._gone)

    async def stop(self, timeout_s: float) -> None:
        """Ask it to end, and end it when it does not."""
        self.send(EngineInput(Stop()))
        if (stdin := self._stdin()) is not None:
            stdin.close()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._gone)
        except TimeoutError:
            _log.warning("the engine's process %s did not end by itself; killing it", self.pid)
        finally:
            await self.end()

    def _stdin(self) -> asyncio.WriteTransport | None:
        if self._transport is None:
            return None
        return cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(_STDIN))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio once the process runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called by asyncio with what came out of a pipe: cut it into lines."""
        partial = self._partial[fd]
        *lines, rest = data.split(b"\n")
        take = self._take_frame if fd == _STDOUT else self._take_log_line
        for line in lines:
            take(bytes(partial) + line)
            partial.clear()
        partial += rest
        if fd == _STDERR and len(partial) > _MAX_LOG_LINE:
            partial.clear()
        elif len(partial) > MAX_OUTPUT_BYTES:
            _log.error("the engine's process sent a frame without end; ending it")
            partial.clear()
            self.kill()

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        """Called by asyncio when a pipe closes: without its output the process is of no use."""
        if fd == _STDOUT:  # let it exit by itself, but not for long
            asyncio.get_running_loop().call_later(_EXIT_GRACE_S, self.kill)

    def process_exited(self) -> None:
        """Called by asyncio when the process has exited; output may still be in the pipes."""
        if (stdin := self._stdin()) is not None:
            stdin.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Called by asyncio when the process is gone and its pipes are read to the end."""
        how = self._how_it_ended()
        if self._transport is not None:
            self._transport.close()
        if not self._gone.done():
            self._gone.set_result(None)
            self._on_exit(how)

    def _take_frame(self, line: bytes) -> None:
        try:
            output = parse_output(line)
        except ProtocolError as error:
            _log.warning("the engine's process sent a bad frame: %s", error)
            return
        self._on_output(output)

    def _take_log_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        self._last_words.append(text)
        _log.debug("worker %s: %s", self.pid, text)

    def _how_it_ended(self) -> str:
        code = (self._transport.get_returncode() if self._transport is not None else None) or 0
        if code < 0:
            try:
                how = f"by signal {signal.Signals(-code).name}"
            except ValueError:
                how = f"by signal {-code}"
        else:
            how = f"with exit code {code}"
        words = next((line for line in reversed(self._last_words) if line.strip()), "")
        return f"{how}: {words}" if words else how
