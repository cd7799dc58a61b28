"""One child process: its output within bounds, its status messages, its end."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, Signals
from typing import cast

from ruster.core.sandbox import Output
from ruster.sandbox.process_tree import kill_tree

__all__ = ["Capture", "Child", "StatusPipe"]

_MAX_STATUS_BYTES = 4096
_STREAMS = {1: "stdout", 2: "stderr"}
_PIPE_GRACE_S = 0.2


class Capture:
    """What a stream brings, up to a bound; ``write_on`` copies it to a file meanwhile."""

    def __init__(self, max_bytes: int, path: Path | None) -> None:
        self._max_bytes = max_bytes
        self._path = path
        self._data = bytearray()
        self._truncated = False
        self._changed = asyncio.Event()
        self._complete = False

    @property
    def output(self) -> Output:
        """All that was kept."""
        return Output(bytes(self._data), self._truncated)

    def take(self, data: bytes) -> bool:
        """Keep what fits; return whether all did."""
        room = self._max_bytes - len(self._data)
        self._data += data[:room]
        self._truncated = self._truncated or len(data) > room
        self._changed.set()
        return not self._truncated

    def complete(self) -> None:
        """Say that nothing more comes."""
        self._complete = True
        self._changed.set()

    async def write_on(self) -> None:
        """Write the file, made anew, until all is in it; raises OSError."""
        if self._path is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._path, flags, 0o600)
        with os.fdopen(fd, "wb", buffering=0) as file:
            written = 0
            while not (self._complete and written == len(self._data)):
                await self._changed.wait()
                self._changed.clear()
                part = bytes(self._data[written:])
                written += len(part)
                await asyncio.to_thread(_write_all, file.fileno(), part)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


class Child(asyncio.SubprocessProtocol):
    """A running command.

    ``on_overflow`` is called when a stream brings more than is kept, ``on_gone`` when the process
    has ended and its output is read.
    """

    def __init__(
        self,
        captures: dict[str, Capture],
        on_overflow: Callable[[], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._captures = captures
        self._on_overflow = on_overflow
        self._on_gone = on_gone
        self._transport: asyncio.SubprocessTransport | None = None
        self._grace: asyncio.TimerHandle | None = None
        self.exited = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def started(self) -> bool:
        """Whether there ever was a process."""
        return self._transport is not None

    async def end(self, number: Signals) -> None:
        """Ask it by a signal to end all; SIGKILL ends it and what is below it right away."""
        # Not the transport's own way: it polls first, which may take the exit status from asyncio.
        if self._transport is None or self.exited:
            return
        pid = self._transport.get_pid()
        if number is SIGKILL:
            await asyncio.to_thread(kill_tree, pid)
        else:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio once the process runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called by asyncio with output."""
        if not self._captures[_STREAMS[fd]].take(data):
            self._on_overflow()

    def process_exited(self) -> None:
        """Called by asyncio at its exit: what it left in the pipes is read, but not for long."""
        self.exited = True
        self._grace = asyncio.get_running_loop().call_later(_PIPE_GRACE_S, self._close)

    def connection_lost(self, _error: Exception | None) -> None:
        """Called by asyncio when it is gone and its output is read."""
        if self._grace is not None:
            self._grace.cancel()
        self._close()
        for capture in self._captures.values():
            capture.complete()
        if not self.gone.done():
            self.gone.set_result(None)
            self._on_gone()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class StatusPipe:
    """What the trusted part of a sandbox says of the program: JSON objects, one after another."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._data = b""
        self._pid_fd: int | None = None
        self._loop = asyncio.get_running_loop()
        self.root: asyncio.Future[int] = self._loop.create_future()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self.read)

    @property
    def exit_code(self) -> int | None:
        """The exit code, if the program was started and has ended by itself."""
        return self._fields().get("exit-code")

    def read(self) -> None:
        """Take what is there."""
        with suppress(BlockingIOError):
            while data := os.read(self._fd, _MAX_STATUS_BYTES):
                self._data += data[: _MAX_STATUS_BYTES - len(self._data)]
            self._loop.remove_reader(self._fd)
        root = self._fields().get("child-pid")
        if root is not None and not self.root.done():
            with suppress(ProcessLookupError):
                self._pid_fd = os.pidfd_open(root)
            self.root.set_result(root)

    async def root_gone(self) -> None:
        """Wait until the process above the program has gone, and with it the whole tree."""
        self.read()
        if self._pid_fd is None:
            return
        gone = asyncio.Event()
        self._loop.add_reader(self._pid_fd, gone.set)
        try:
            await gone.wait()
        finally:
            self._loop.remove_reader(self._pid_fd)

    def close(self) -> None:
        """Let go; the pipe itself belongs to somebody else."""
        self._loop.remove_reader(self._fd)
        self.root.cancel()
        if self._pid_fd is not None:
            os.close(self._pid_fd)
            self._pid_fd = None

    def _fields(self) -> dict[str, int]:
        fields: dict[str, int] = {}
        text, decoder = self._data.decode("ascii", "replace"), json.JSONDecoder()
        with suppress(ValueError):
            while text := text.lstrip():
                document, end = decoder.raw_decode(text)
                fields |= document
                text = text[end:]
        return fields
