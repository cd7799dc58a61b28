"""The worker process as the daemon sees it: start, frames in and out, stderr into the log, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence

from ruster.core.errors import ProtocolError
from ruster.core.orchestration import EngineInput, EngineOutput, Stop
from ruster.core.orchestration_json import dump_input, parse_output
from ruster.core.tasks import spawn

__all__ = ["MAX_OUTPUT_BYTES", "WorkerProcess"]

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
_KEPT_LOG_LINES = 5
_EXIT_GRACE_S = 1.0
_log = logging.getLogger("ruster.engine")


class WorkerProcess:
    """A running worker.

    ``on_output`` gets each output; ``on_exit`` is called once, when the process is gone, with a
    phrase that says how it ended.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        on_output: Callable[[EngineOutput], None],
        on_exit: Callable[[str], None],
    ) -> None:
        self._process = process
        self._on_output = on_output
        self._on_exit = on_exit
        self._last_words: deque[str] = deque(maxlen=_KEPT_LOG_LINES)
        self._done = spawn(self._watch(), name=f"engine-worker-{process.pid}")

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        on_output: Callable[[EngineOutput], None],
        on_exit: Callable[[str], None],
    ) -> WorkerProcess:
        """Start the process, away from the terminal's signals. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MAX_OUTPUT_BYTES,
            start_new_session=True,
        )
        return cls(process, on_output, on_exit)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs and listens."""
        return not self._done.done() and self._process.returncode is None

    def send(self, message: EngineInput) -> None:
        """Write a command; to a process that has gone it does nothing (``on_exit`` tells)."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(dump_input(message))

    async def drain(self) -> None:
        """Wait until the worker has taken what was sent."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(ConnectionError):
                await stdin.drain()

    def kill(self) -> None:
        """End it at once."""
        # Not Process.kill: it polls first, which may take the exit status from asyncio's watcher.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it and wait until it is gone and told so."""
        self.kill()
        await self._done

    async def stop(self, timeout_s: float) -> None:
        """Ask it to end, and end it when it does not."""
        self.send(EngineInput(Stop()))
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._done)
        except TimeoutError:
            _log.warning("the engine's process %s did not end by itself; killing it", self.pid)
        finally:
            await self.end()

    async def _watch(self) -> None:
        errors = spawn(self._read_log(), name=f"engine-log-{self.pid}")
        try:
            await self._read_outputs()
        except (ValueError, OSError) as error:  # a frame beyond the limit, or a broken pipe
            _log.error("the engine's output cannot be read, ending its process: %s", error)
            self.kill()
        except asyncio.CancelledError:  # the loop is going down
            self.kill()
            raise
        finally:
            await self._wait_exit()
            await errors
            await self._close_stdin()
            self._on_exit(self._how_it_ended())

    async def _wait_exit(self) -> None:
        """Let a process that closed its output exit by itself, but not for long."""
        try:
            async with asyncio.timeout(_EXIT_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    async def _read_outputs(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and (line := await stdout.readline()):
            try:
                output = parse_output(line)
            except ProtocolError as error:
                _log.warning("the engine's process sent a bad frame: %s", error)
                continue
            self._on_output(output)

    async def _read_log(self) -> None:
        stderr = self._process.stderr
        while stderr is not None:
            try:
                line = await stderr.readline()
            except ValueError:  # a line beyond any sense; the reader has dropped it
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._last_words.append(text)
            _log.debug("worker %s: %s", self.pid, text)

    async def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()

    def _how_it_ended(self) -> str:
        code = self._process.returncode or 0
        if code < 0:
            try:
                how = f"by signal {signal.Signals(-code).name}"
            except ValueError:
                how = f"by signal {-code}"
        else:
            how = f"with exit code {code}"
        words = next((line for line in reversed(self._last_words) if line.strip()), "")
        return f"{how}: {words}" if words else how
