"""The daemon's side of the engine: starts the worker on demand, routes, cancels, recovers.

The worker decides what runs when; the host only sends requests and hands each its outputs. When the
process dies, every running request gets ``EngineCrashed`` and the next one starts a fresh process.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    InferenceRequest,
    Logprobs,
    ProcessStart,
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
    EngineFailure,
    EngineInput,
    EngineOutput,
    Infer,
    LoadModel,
    ModelList,
    ModelReady,
    Rerank,
    Reset,
    Score,
)
from ruster.core.ports import Progress
from ruster.engine.gguf import read_head
from ruster.engine.process import WorkerProcess
from ruster.engine.settings import EngineSettings
from ruster.engine.stream import OutputStream
from ruster.engine.thread import WorkerThread
from ruster.engine.threads import describe

__all__ = ["EngineHost"]

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_log = logging.getLogger("ruster.engine")


class EngineHost:
    """The embedded engine; fulfils ``core.ports.LocalEngine``.

    ``progress`` is told how far a model's load has come; ``command`` replaces the worker's command
    line (the settings' JSON is appended to it).
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        clock: Clock | None = None,
        progress: Callable[[Progress], None] | None = None,
        command: Sequence[str] = (sys.executable, "-P", "-m", "ruster.engine.worker"),
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._progress = progress or (lambda _: None)
        self._command = (*command, settings.model_dump_json())
        self._worker: WorkerProcess | WorkerThread | None = None
        self._starting = asyncio.Lock()
        self._streams: dict[str, OutputStream] = {}
        self._cancelled: dict[str, asyncio.TimerHandle] = {}
        self._loading: tuple[str, asyncio.TimerHandle] | None = None
        self._end_reason: str | None = None
        self._crashes = 0
        self._crashed_at = 0.0
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, or None while there is none."""
        return (
            (self._worker.pid or None) if self._worker is not None and self._worker.alive else None
        )

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
                if isinstance(body, (Content, ProcessStart, Thought, Logprobs, Usage, Complete)):
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

    async def rerank(self, model: Path, query: str, documents: Sequence[str]) -> list[float]:
        """Return how well each document answers the query; see ``core.ports.LocalEngine``."""
        if not documents:
            return []
        path = await self._checked(model)
        scores: list[float] = []
        async with self._request(Rerank(query, tuple(documents), str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, Score):
                    scores.append(body.value)
        return scores

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
        """Unload the model once what runs is done; the process stays."""
        if self._worker is None or not self._worker.alive:
            return
        async with self._request(Reset()) as stream:
            while await stream.next() is not None:
                pass

    async def context_size(self, model: Path) -> int | None:
        """Return the window the model file gets, in tokens, or None when unknown. Never raises."""
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

    @asynccontextmanager
    async def _request(self, command: EngineCommand) -> AsyncIterator[OutputStream]:
        worker = await self._ready_worker()
        identifier = new_id("e")
        stream = self._streams[identifier] = OutputStream()
        try:
            worker.send(EngineInput(command, identifier))
            yield stream
        finally:
            self._streams.pop(identifier, None)
            if not stream.ended and worker is self._worker:
                self._cancel(worker, identifier)

    def _cancel(self, worker: WorkerProcess | WorkerThread, identifier: str) -> None:
        """Tell the worker to end a request; if it does not, end the worker."""
        worker.send(EngineInput(Cancel(identifier)))
        self._cancelled[identifier] = asyncio.get_running_loop().call_later(
            self._settings.cancel_timeout_s,
            self._kill,
            "it did not end a cancelled request in time",
        )

    def _kill(self, reason: str) -> None:
        if self._worker is not None:
            _log.error("ending the engine's %s: %s", self._settings.isolation, reason)
            self._end_reason = reason
            self._worker.kill()

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

    def _on_output(self, output: EngineOutput) -> None:
        body, identifier = output.body, output.id or ""
        self._follow_load(body)
        is_last = isinstance(body, (Complete, EngineFailure, ModelList))
        if is_last:
            self._crashes = 0
            if (timer := self._cancelled.pop(identifier, None)) is not None:
                timer.cancel()
        stream = self._streams.get(identifier)
        if stream is None:
            if isinstance(body, EngineFailure) and not identifier:
                _log.warning("the engine's process refused a frame: %s", body.message)
            return
        if isinstance(body, EngineFailure):
            code = body.code or "model_failed"
            stream.end(ModelError(body.message, code=code, retryable=body.retryable))
            return
        stream.put(body)
        if is_last:
            stream.end()

    def _follow_load(self, body: EngineBody) -> None:
        match body:
            case AssetStarted(name):
                timer = asyncio.get_running_loop().call_later(
                    self._settings.load_timeout_s,
                    self._kill,
                    f"{name} did not load within {self._settings.load_timeout_s:g} s",
                )
                self._loading = (name, timer)
            case AssetProgress(current, total) if self._loading is not None:
                self._progress(Progress(self._loading[0], current, total))
            case ModelReady() | EngineFailure() | AssetFailed() if self._loading is not None:
                self._loading[1].cancel()
                self._loading = None
                if isinstance(body, ModelReady):
                    _log.info("loaded %s in %.2f s%s", body.path, body.load_s, describe(body))

    def _on_exit(self, how: str) -> None:
        """Fail what ran; what is asked from now on starts a fresh process."""
        self._crashes += 1
        self._crashed_at = self._clock.monotonic()
        where = self._settings.isolation
        message = f"the engine's {where} ended ({self._end_reason or how}); ask again"
        self._end_reason = None
        if self._loading is not None:
            message = (
                f"the engine's {where} ended ({how}) while it loaded {self._loading[0]}: "
                "the file may be damaged, or memory too small"
            )
            self._loading[1].cancel()
            self._loading = None
        for timer in self._cancelled.values():
            timer.cancel()
        self._cancelled.clear()
        if not self._closed:
            _log.warning("%s", message)
        for stream in list(self._streams.values()):
            stream.end(EngineCrashed(message))


def _check(model: Path) -> Path:
    path = model.absolute()
    read_head(path)
    return path
