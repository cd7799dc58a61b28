"""The engine's child process: commands in on stdin, outputs out on stdout, one JSON object a line.

One thread reads, so that a cancel is seen while native code computes; the main thread does all
computing. The process ends when stdin does: it cannot outlive the daemon. Started as
``python -m ruster.engine.worker SETTINGS_JSON``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Protocol

from ruster.core.errors import ModelError, ProtocolError, RusterError
from ruster.core.orchestration import (
    Cancel,
    EngineBody,
    EngineCommand,
    EngineFailure,
    EngineInput,
    EngineOutput,
    Stop,
)
from ruster.core.orchestration_json import dump_output, parse_input
from ruster.engine.settings import EngineSettings

__all__ = ["MAX_FRAME_BYTES", "main"]

MAX_FRAME_BYTES = 64 * 1024 * 1024
_GRACE_S = 1.0


class Flag(Protocol):
    """What ends the running command once it is set."""

    def set(self) -> None: ...

    def clear(self) -> None: ...


class Runner(Protocol):
    """What does the commands; see ``engine.runner``."""

    @property
    def cancel(self) -> Flag: ...

    def run(self, command: EngineCommand, emit: Callable[[EngineBody], None], /) -> None: ...

    def close(self) -> None: ...


class Queue:
    """Commands waiting for the main thread, in order; any of them can be cancelled."""

    def __init__(self, limit: int, flag: Flag) -> None:
        self._limit = limit
        self._flag = flag
        self._waiting: deque[EngineInput] = deque()
        self._running: str | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: EngineInput) -> bool:
        """Add a command; False when too many wait."""
        with self._changed:
            if len(self._waiting) >= self._limit:
                return False
            self._waiting.append(message)
            self._changed.notify()
            return True

    def take(self) -> EngineInput | None:
        """Wait for the next command; None at the end. The one taken before counts as done."""
        with self._changed:
            self._running = None
            self._flag.clear()
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            message = self._waiting.popleft()
            self._running = message.id
            return message

    def cancel(self, target: str) -> bool:
        """Cancel a command; True when it was still waiting and is gone now."""
        with self._changed:
            if self._running == target:
                self._flag.set()
                return False
            for message in self._waiting:
                if message.id == target:
                    self._waiting.remove(message)
                    return True
            return False

    def close(self) -> None:
        """End ``take`` and whatever runs."""
        with self._changed:
            self._closed = True
            self._flag.set()
            self._changed.notify()


class Output:
    """Writes outputs as lines; both threads may."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, identifier: str | None, body: EngineBody) -> None:
        """Write one output; without a reader left, end the process."""
        line = dump_output(EngineOutput(body, identifier))
        try:
            with self._lock:
                self._file.write(line)
                self._file.flush()
        except OSError:
            os._exit(0)

    def fail(self, identifier: str | None, error: RusterError) -> None:
        """Write an error as the last output of a request."""
        self.send(identifier, EngineFailure(error.message, error.code, error.retryable))


def main() -> None:
    """Run the worker until its stdin ends."""
    output = Output(_take_stdout())
    settings = EngineSettings.model_validate_json(sys.argv[1] if len(sys.argv) > 1 else "{}")
    runner = _make_runner(settings)
    queue = Queue(settings.max_waiting, runner.cancel)
    reader = threading.Thread(
        target=_read, args=(sys.stdin.buffer, queue, output), name="reader", daemon=True
    )
    reader.start()
    while (message := queue.take()) is not None:
        _run(runner, message, output)
    runner.close()


def _make_runner(settings: EngineSettings) -> Runner:
    try:
        from ruster.engine.runner import SerialRunner
    except ImportError as error:
        return MissingEngine(error)
    return SerialRunner(settings)


class MissingEngine:
    """Stands in for the runner when the native library is not installed."""

    def __init__(self, cause: ImportError) -> None:
        self.cancel = threading.Event()
        self._cause = cause

    def run(self, _command: EngineCommand, _emit: Callable[[EngineBody], None]) -> None:
        """Refuse: raises ModelError (``engine_missing``)."""
        raise ModelError(
            "the embedded engine is not installed; install it with "
            f"`pip install 'ruster[llamacpp]'` ({self._cause})",
            code="engine_missing",
        )

    def close(self) -> None:
        """Nothing to release."""


def _take_stdout() -> BinaryIO:
    """Keep stdout for the protocol alone: what native code prints goes to stderr."""
    file = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return file


def _run(runner: Runner, message: EngineInput, output: Output) -> None:
    def emit(body: EngineBody) -> None:
        output.send(message.id, body)

    try:
        runner.run(message.command, emit)
    except RusterError as error:
        output.fail(message.id, error)
    except Exception as error:  # noqa: BLE001 - the worker's turn loop: an error ends one request
        output.fail(message.id, ModelError(f"{type(error).__name__}: {error}"))


def _read(file: BinaryIO, queue: Queue, output: Output) -> None:
    """Take commands until stdin ends, then end the process, even from within native code."""
    while True:
        line = file.readline(MAX_FRAME_BYTES)
        if not line:
            break
        if not line.endswith(b"\n"):
            _skip_line(file)
            output.fail(None, ProtocolError("an engine frame is too long", code="line_too_long"))
            continue
        try:
            message = parse_input(line)
        except ProtocolError as error:
            output.fail(None, error)
            continue
        if isinstance(message.command, Stop):
            break
        _accept(message, queue, output)
    queue.close()
    timer = threading.Timer(_GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _accept(message: EngineInput, queue: Queue, output: Output) -> None:
    if isinstance(message.command, Cancel):
        target = message.command.target
        if queue.cancel(target):
            output.fail(target, ModelError("the request was cancelled", code="cancelled"))
    elif not queue.put(message):
        error = ModelError(
            "too many requests wait for the engine", code="engine_busy", retryable=True
        )
        output.fail(message.id, error)


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass


if __name__ == "__main__":
    main()
