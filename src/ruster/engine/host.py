"""The daemon's side of the engine: starts the worker on demand, routes, cancels, recovers.

The worker decides what runs when, and which models are loaded; the host only sends requests and
hands each its outputs. When the process dies, every running request gets ``EngineCrashed`` and the
next one starts a fresh process. One that stops making steps is ended.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    InferenceRequest,
    Logprobs,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    Usage,
)
from ruster.core.orchestration import (
    AssetFailed,
    AssetProgress,
    AssetStarted,
    Cancel,
    Embed,
    Embedding,
    EngineBody,
    EngineCommand,
    EngineInput,
    EngineOutput,
    Forget,
    Infer,
    LoadModel,
    ModelReady,
    ModelState,
    ModelUnloaded,
    Reset,
)
from ruster.core.tasks import spawn
from ruster.engine.gguf import read_head
from ruster.engine.process import WorkerProcess
from ruster.engine.requests import Request, RequestTable
from ruster.engine.session_files import delete_session_files
from ruster.engine.settings import NOT_INSTALLED, EngineSettings
from ruster.engine.status import ModelBoard, ModelStatus
from ruster.engine.stream import OutputStream
from ruster.engine.watchdog import Watchdog

__all__ = ["EngineHost"]

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_TOLD = (Content, ProcessStart, Thought, Logprobs, Usage, Complete, Progress, Notice)
_log = logging.getLogger("ruster.engine")


class EngineHost:
    """The embedded engine; fulfils ``core.ports.LocalEngine``.

    ``command`` replaces the worker's command line (the settings' JSON is appended to it).
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        clock: Clock | None = None,
        command: Sequence[str] = (sys.executable, "-P", "-m", "ruster.engine.worker"),
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._command = (*command, settings.model_dump_json())
        self._worker: WorkerProcess | None = None
        self._starting = asyncio.Lock()
        self._requests = RequestTable()
        self._board = ModelBoard()
        self._watchdog = Watchdog(settings.step_timeout_s, self._on_hang)
        self._cancelled: dict[str, asyncio.TimerHandle] = {}
        self._load_timer: asyncio.TimerHandle | None = None
        self._end_reason: str | None = None
        self._crashes = 0
        self._crashed_at = 0.0
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, or None while there is none."""
        return self._worker.pid if self._worker is not None and self._worker.alive else None

    @property
    def missing(self) -> str | None:
        """What must be installed before a model can run, or None."""
        return None if importlib.util.find_spec("llama_cpp") is not None else NOT_INSTALLED

    async def infer(self, model: Path, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.ports.LocalEngine``. Closing the iterator cancels it."""
        path = await self._checked(model)
        command = Infer(
            model=str(path),
            config=request.config,
            messages=request.messages,
            tools=request.tools,
            session=request.session,
        )
        async with self._request(command) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, _TOLD):
                    yield body

    async def embed(self, model: Path, texts: Sequence[str]) -> list[list[float]]:
        """Return one normalised vector per text; a text over the window is cut to it."""
        if not texts:
            return []
        path = await self._checked(model)
        vectors: list[list[float]] = []
        async with self._request(Embed(tuple(texts), str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, Embedding):
                    vectors.append(list(body.vector))
        return vectors

    async def load(self, model: Path) -> ModelReady:
        """Load a model ahead of its use; raises ``ModelError`` or ``EngineCrashed``."""
        path = await self._checked(model)
        ready: ModelReady | None = None
        async with self._request(LoadModel(str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, ModelReady):
                    ready = body
        if ready is None:
            raise ModelError(f"the engine did not say whether {path} is loaded")
        return ready

    async def unload(self) -> None:
        """Unload all models once what runs is done; the process stays."""
        await self._do_if_running(Reset())

    async def forget(self, session: str) -> None:
        """Drop what is kept of a session, in memory and on the disk; starts no process.

        Raises OSError when a file cannot be deleted. A worker that is busy with something longer
        than ``cancel_timeout_s`` forgets when that is over.
        """
        telling = spawn(
            self._do_if_running(Forget(session)), name="forget a session", log_failure=False
        )
        with suppress(ModelError, TimeoutError):  # what a lost process knew is gone with it
            async with asyncio.timeout(self._settings.cancel_timeout_s):
                await asyncio.shield(telling)
        if (folder := self._settings.snapshot_folder) is not None:
            await asyncio.to_thread(delete_session_files, folder, session)

    def status(self) -> tuple[ModelStatus, ...]:
        """Tell of every model that was needed in this daemon's life whether it is loaded."""
        return tuple(
            replace(status, state=ModelState.INFERRING)
            if status.state is ModelState.LOADED and self._requests.uses(status.path)
            else status
            for status in self._board.all()
        )

    async def context_size(self, model: Path) -> int | None:
        """Return the window the model file gets, in tokens, or None when unknown. Never raises.

        A loaded model tells its own, which may be smaller when memory was short.
        """
        loaded = self._board.of(_key(model)).context_size
        if loaded is not None:
            return loaded
        try:
            head = await asyncio.to_thread(read_head, model)
        except ModelError:
            return None
        if head.context_length is None:
            return None
        return min(head.context_length, self._settings.context_size)

    async def aclose(self) -> None:
        """End the worker; running requests fail with ``cancelled`` or ``EngineCrashed``."""
        self._closed = True
        async with self._starting:
            if self._worker is not None:
                await self._worker.stop(self._settings.stop_timeout_s)
                self._worker = None

    async def _checked(self, model: Path) -> Path:
        """Refuse what is no model file before native code sees it."""
        return await asyncio.to_thread(_check, model)

    async def _do_if_running(self, command: EngineCommand) -> None:
        """Run a command that needs no answer, unless there is no process."""
        if self._worker is None or not self._worker.alive:
            return
        async with self._request(command) as stream:
            while await stream.next() is not None:
                pass

    @asynccontextmanager
    async def _request(self, command: EngineCommand) -> AsyncIterator[OutputStream]:
        worker = await self._ready_worker()
        model = command.model if isinstance(command, (Infer, Embed, LoadModel)) else None
        request = self._requests.open(model)
        try:
            worker.send(EngineInput(command, request.id))
            self._watch()
            yield request.stream
        finally:
            self._requests.close(request)
            if not request.stream.ended and worker is self._worker:
                self._cancel(worker, request)
            self._watch()

    def _cancel(self, worker: WorkerProcess, request: Request) -> None:
        """Tell the worker to end a request; if it does not, end the worker."""
        worker.send(EngineInput(Cancel(request.id)))
        self._cancelled[request.id] = asyncio.get_running_loop().call_later(
            self._settings.cancel_timeout_s,
            self._kill,
            "it did not end a cancelled request in time",
        )

    def _watch(self) -> None:
        """Watch the worker's steps while there are any; a load has a limit of its own."""
        if self._requests and self._load_timer is None:
            self._watchdog.start()
        else:
            self._watchdog.stop()

    def _on_hang(self, limit_s: float) -> None:
        self._kill(f"it made no step within {limit_s:g} s")

    def _kill(self, reason: str) -> None:
        if self._worker is not None:
            _log.error("ending the engine's process: %s", reason)
            self._end_reason = reason
            self._worker.kill()

    async def _ready_worker(self) -> WorkerProcess:
        async with self._starting:
            if self._closed:
                raise ModelError("the engine has been closed", code="engine_closed")
            if self._worker is not None and self._worker.alive:
                return self._worker
            if self._worker is not None:
                await self._worker.end()
            await asyncio.sleep(self._backoff_s())
            try:
                self._worker = await WorkerProcess.start(
                    self._command, self._on_output, self._on_exit
                )
            except OSError as error:
                raise ModelError(
                    f"the engine's process cannot be started: {error}", code="engine_start_failed"
                ) from error
            return self._worker

    def _backoff_s(self) -> float:
        if not self._crashes:
            return 0.0
        wanted = min(_FIRST_BACKOFF_S * 2.0 ** (self._crashes - 1), _LONGEST_BACKOFF_S)
        return max(0.0, self._crashed_at + wanted - self._clock.monotonic())

    def _on_output(self, output: EngineOutput) -> None:
        self._watchdog.heard()
        self._follow(output.body)
        if self._requests.deliver(output):
            self._crashes = 0
            if (timer := self._cancelled.pop(output.id or "", None)) is not None:
                timer.cancel()

    def _follow(self, body: EngineBody) -> None:
        """Note what an output says about the models, and tell those who wait for one."""
        loading = self._board.loading
        match body:
            case AssetStarted(name):
                self._board.started(name)
                self._load_timer = asyncio.get_running_loop().call_later(
                    self._settings.load_timeout_s,
                    self._kill,
                    f"{name} did not load within {self._settings.load_timeout_s:g} s",
                )
                self._watch()
            case AssetProgress(current, total) if loading is not None:
                what = f"loading {Path(loading).stem}"
                self._requests.tell_waiting(loading, Progress(what, current, total))
            case ModelReady():
                self._on_ready(body)
            case AssetFailed():
                self._board.failed()
                self._end_load()
            case ModelUnloaded(path):
                self._board.unloaded(path)
                _log.info("unloaded %s", path)

    def _on_ready(self, body: ModelReady) -> None:
        notice = self._board.ready(body)
        self._end_load()
        _log.info("%s is loaded (%.2f s)", body.path, body.load_s)
        if notice is not None:
            for line in notice.message.splitlines():
                _log.info("%s", line)
            self._requests.tell_waiting(body.path, notice)

    def _end_load(self) -> None:
        if self._load_timer is not None:
            self._load_timer.cancel()
            self._load_timer = None
            self._watch()

    def _on_exit(self, how: str) -> None:
        """Fail what ran; what is asked from now on starts a fresh process."""
        self._crashes += 1
        self._crashed_at = self._clock.monotonic()
        message = f"the engine's process ended ({self._end_reason or how}); ask again"
        if self._board.loading is not None:
            message = (
                f"the engine's process ended ({self._end_reason or how}) while it loaded "
                f"{self._board.loading}: the file may be damaged, or memory too small"
            )
        self._end_reason = None
        self._end_load()
        self._board.lost()
        for timer in self._cancelled.values():
            timer.cancel()
        self._cancelled.clear()
        self._watchdog.stop()
        if not self._closed:
            _log.warning("%s", message)
        self._requests.fail_all(EngineCrashed(message))


def _key(model: Path) -> str:
    return str(model.absolute())


def _check(model: Path) -> Path:
    path = model.absolute()
    read_head(path)
    return path
