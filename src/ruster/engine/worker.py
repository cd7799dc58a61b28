"""The engine's child process: commands in on stdin, outputs out on stdout, one JSON object a line.

One thread reads, so that a cancel is seen while native code computes; the main thread does all
computing. The process ends when stdin does: it cannot outlive the daemon. Started as
``python -m ruster.engine.worker SETTINGS_JSON``.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

from ruster.core.errors import ProtocolError, RusterError
from ruster.core.orchestration import EngineBody, EngineFailure, EngineOutput, Stop
from ruster.core.orchestration_json import dump_output, parse_input
from ruster.engine.inbox import Inbox
from ruster.engine.intake import accept, make_engine
from ruster.engine.settings import EngineSettings

__all__ = ["MAX_FRAME_BYTES", "main"]

MAX_FRAME_BYTES = 64 * 1024 * 1024
_GRACE = 0.8  # of the time the daemon waits for the end: it must not come to a kill


class Output:
    """Writes outputs as lines; both threads may.

    What the compute thread sends is written at ``flush``, once a step: each write wakes the daemon.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []
        self._lock = threading.Lock()

    def send(self, identifier: str | None, body: EngineBody) -> None:
        """Add one output."""
        line = dump_output(EngineOutput(body, identifier))
        with self._lock:
            self._lines.append(line)

    def flush(self) -> None:
        """Write what was added; without a reader left, end the process."""
        with self._lock:
            if not self._lines:
                return
            data = b"".join(self._lines)
            self._lines.clear()
            try:
                self._file.write(data)
                self._file.flush()
            except OSError:
                os._exit(0)

    def fail(self, identifier: str | None, error: RusterError) -> None:
        """Write an error as the last output of a request, at once."""
        self.send(identifier, EngineFailure(error.message, error.code, error.retryable))
        self.flush()


def main() -> None:
    """Run the worker until its stdin ends."""
    output = Output(_take_stdout())
    settings = EngineSettings.model_validate_json(sys.argv[1] if len(sys.argv) > 1 else "{}")
    engine = make_engine(settings)
    reader = threading.Thread(
        target=_read,
        args=(sys.stdin.buffer, engine.inbox, output, settings),
        name="reader",
        daemon=True,
    )
    reader.start()
    engine.run(output.flush, lambda body: output.send(None, body))
    output.flush()


def _take_stdout() -> BinaryIO:
    """Keep stdout for the protocol alone: what native code prints goes to stderr."""
    file = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return file


def _read(file: BinaryIO, inbox: Inbox, output: Output, settings: EngineSettings) -> None:
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
        accept(message, inbox, output)
    inbox.close()
    timer = threading.Timer(_GRACE * settings.stop_timeout_s, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass


if __name__ == "__main__":
    main()
