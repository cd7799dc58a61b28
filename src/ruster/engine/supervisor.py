"""Keeps one worker: starts it on demand, hands it requests, ends it when it hangs, recovers.

When the worker dies or is given up, every running request gets ``EngineCrashed`` and the next one
starts a fresh worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.inference import Progress
from ruster.core.orchestration import (
    AssetFailed,
    AssetProgress,
    AssetStarted,
    Cancel,
    Embed,
    EngineBody,
    EngineCommand,
    EngineInput,
    EngineOutput,
    Infer,
    LoadModel,
    ModelReady,
    ModelUnloaded,
    Rerank,
    Tokenize,
)
from ruster.engine.process import WorkerProcess
from ruster.engine.requests import Request, RequestTable
from ruster.engine.settings import EngineSettings
from ruster.engine.status import ModelBoard
from ruster.engine.stream import OutputStream
from ruster.engine.thread import WorkerThread
from ruster.engine.threads import describe
from ruster.engine.watchdog import Watchdog

__all__ = ["Supervisor"]

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_log = logging.getLogger("ruster.engine")


class Supervisor:
    """The worker and all requests to it; ``board`` knows what it told about its models.

    ``command`` is the command line of a worker that is a process of its own.
    """

    def __init__(self, settings: EngineSettings, clock: Clock, command: Sequence[str]) -> None:
        self.requests = RequestTable()
        self.board = ModelBoard()
        self._settings = settings
        self._clock = clock
        self._command = command
        self._worker: WorkerProcess | WorkerThread | None = None
        self._starting = asyncio.Lock()
        self._watchdog = Watchdog(settings.step_timeout_s, self._on_hang)
        self._cancelled: dict[str, asyncio.TimerHandle] = {}
        self._load_timer: asyncio.TimerHandle | None = None
        self._end_reason: str | None = None
        self._crashes = 0
        self._crashed_at = 0.0
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether there is a worker that takes requests."""
        return self._worker is not None and self._worker.alive

    @property
    def pid(self) -> int | None:
        """The process id of the worker; None while there is none, or it is a thread."""
        return (self._worker.pid or None) if self._worker is not None and self.running else None

    @asynccontextmanager
    async def request(self, command: EngineCommand) -> AsyncIterator[OutputStream]:
        """Send a command, to a new worker if need be; leaving before the end cancels it.

        Raises ModelError (``engine_start_failed``, ``engine_closed``).
        """
        worker = await self._ready_worker()
        of_a_model = (Infer, Embed, Rerank, Tokenize, LoadModel)
        request = self.requests.open(command.model if isinstance(command, of_a_model) else None)
        try:
            worker.send(EngineInput(command, request.id))
            self._watch()
            yield request.stream
        finally:
            self.requests.close(request)
            if not request.stream.ended and worker is self._worker:
                self._cancel(worker, request)
            self._watch()

    def kill(self, reason: str) -> None:
        """End the worker at once, or give it up if it is a thread."""
        if self._worker is not None:
            _log.error("ending the engine's %s: %s", self._settings.isolation, reason)
            self._end_reason = reason
            self._worker.kill()

    async def aclose(self) -> None:
        """End the worker; none is started any more."""
        self._closed = True
        async with self._starting:
            if self._worker is not None:
                await self._worker.stop(self._settings.stop_timeout_s)
                self._worker = None

    def _cancel(self, worker: WorkerProcess | WorkerThread, request: Request) -> None:
        """Tell the worker to end a request; if it does not, end the worker."""
        worker.send(EngineInput(Cancel(request.id)))
        self._cancelled[request.id] = asyncio.get_running_loop().call_later(
            self._settings.cancel_timeout_s,
            self.kill,
            "it did not end a cancelled request in time",
        )

    def _watch(self) -> None:
        """Watch the worker's steps while there are any; a load has a limit of its own."""
        if self.requests and self._load_timer is None:
            self._watchdog.start()
        else:
            self._watchdog.stop()

    def _on_hang(self, limit_s: float) -> None:
        self.kill(f"it made no step within {limit_s:g} s")

    # Its life

    async def _ready_worker(self) -> WorkerProcess | WorkerThread:
        async with self._starting:
            if self._closed:
                raise ModelError("the engine has been closed", code="engine_closed")
            if self._worker is not None and self._worker.alive:
                return self._worker
            if self._worker is not None:
                await self._worker.end()
            await asyncio.sleep(self._backoff_s())
            try:
                self._worker = await self._start_worker()
            except OSError as error:
                raise ModelError(
                    f"the engine's {self._settings.isolation} cannot be started: {error}",
                    code="engine_start_failed",
                ) from error
            return self._worker

    async def _start_worker(self) -> WorkerProcess | WorkerThread:
        if self._settings.isolation == "thread":
            return await WorkerThread.start(self._settings, self._on_output, self._on_exit)
        return await WorkerProcess.start(self._command, self._on_output, self._on_exit)

    def _backoff_s(self) -> float:
        if not self._crashes:
            return 0.0
        wanted = min(_FIRST_BACKOFF_S * 2.0 ** (self._crashes - 1), _LONGEST_BACKOFF_S)
        return max(0.0, self._crashed_at + wanted - self._clock.monotonic())

    def _on_exit(self, how: str) -> None:
        """Fail what ran; what is asked from now on starts a fresh worker."""
        self._crashes += 1
        self._crashed_at = self._clock.monotonic()
        ended = f"the engine's {self._settings.isolation} ended ({self._end_reason or how})"
        message = f"{ended}; ask again"
        if self.board.loading is not None:
            message = (
                f"{ended} while it loaded {self.board.loading}: "
                "the file may be damaged, or memory too small"
            )
        self._end_reason = None
        self._end_load()
        self.board.lost()
        for timer in self._cancelled.values():
            timer.cancel()
        self._cancelled.clear()
        self._watchdog.stop()
        if not self._closed:
            _log.warning("%s", message)
        self.requests.fail_all(EngineCrashed(message))

    # What it says

    def _on_output(self, output: EngineOutput) -> None:
        self._watchdog.heard()
        self._follow(output.body)
        if self.requests.deliver(output):
            self._crashes = 0
            if (timer := self._cancelled.pop(output.id or "", None)) is not None:
                timer.cancel()

    def _follow(self, body: EngineBody) -> None:
        """Note what an output says about the models, and tell those who wait for one."""
        loading = self.board.loading
        match body:
            case AssetStarted(name):
                self._on_load(name)
            case AssetProgress(current, total) if loading is not None:
                what = f"loading {Path(loading).stem}"
                self.requests.tell_waiting(loading, Progress(what, current, total))
            case ModelReady():
                self._on_ready(body)
            case AssetFailed():
                self.board.failed()
                self._end_load()
            case ModelUnloaded(path):
                self.board.unloaded(path)
                _log.info("unloaded %s", path)

    def _on_load(self, name: str) -> None:
        self.board.started(name)
        self._load_timer = asyncio.get_running_loop().call_later(
            self._settings.load_timeout_s,
            self.kill,
            f"{name} did not load within {self._settings.load_timeout_s:g} s",
        )
        self._watch()

    def _on_ready(self, body: ModelReady) -> None:
        notice = self.board.ready(body)
        self._end_load()
        _log.info("%s is loaded (%.2f s)%s", body.path, body.load_s, describe(body))
        if notice is not None:
            for line in notice.message.splitlines():
                _log.info("%s", line)
            self.requests.tell_waiting(body.path, notice)

    def _end_load(self) -> None:
        if self._load_timer is not None:
            self._load_timer.cancel()
            self._load_timer = None
            self._watch()
