"""The daemon's side of the engine: what can be asked of it.

The worker decides what runs when, and which models are loaded; ``engine.supervisor`` keeps a worker
and hands each request its outputs.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import ModelError
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
    Embed,
    Embedding,
    EngineCommand,
    Forget,
    Infer,
    LoadModel,
    ModelReady,
    ModelState,
    Rerank,
    Reset,
    Score,
    Tokenize,
    Tokens,
)
from ruster.core.tasks import spawn
from ruster.engine.gguf import read_head
from ruster.engine.session_files import delete_session_files
from ruster.engine.settings import NOT_INSTALLED, EngineSettings
from ruster.engine.status import ModelStatus
from ruster.engine.supervisor import Supervisor

__all__ = ["EngineHost"]

_TOLD = (Content, ProcessStart, Thought, Logprobs, Usage, Complete, Progress, Notice)


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
        self._supervisor = Supervisor(
            settings, clock or SystemClock(), (*command, settings.model_dump_json())
        )

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker; None while there is none, or it is a thread."""
        return self._supervisor.pid

    @property
    def missing(self) -> str | None:
        """What must be installed before a model can run, or None."""
        return None if importlib.util.find_spec("llama_cpp") is not None else NOT_INSTALLED

    async def infer(self, model: Path, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.ports.LocalEngine``. Closing the iterator cancels it."""
        path = await asyncio.to_thread(_check, model)
        command = Infer(
            model=str(path),
            config=request.config,
            messages=request.messages,
            tools=request.tools,
            session=request.session,
        )
        async with self._supervisor.request(command) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, _TOLD):
                    yield body

    async def embed(self, model: Path, texts: Sequence[str]) -> list[list[float]]:
        """Return one normalised vector per text; a text over the window is cut to it."""
        if not texts:
            return []
        path = await asyncio.to_thread(_check, model)
        vectors: list[list[float]] = []
        async with self._supervisor.request(Embed(tuple(texts), str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, Embedding):
                    vectors.append(list(body.vector))
        return vectors

    async def rerank(self, model: Path, query: str, documents: Sequence[str]) -> list[float]:
        """Return how well each document answers the query; see ``core.ports.LocalEngine``."""
        if not documents:
            return []
        path = await asyncio.to_thread(_check, model)
        scores: list[float] = []
        async with self._supervisor.request(Rerank(query, tuple(documents), str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, Score):
                    scores.append(body.value)
        return scores

    async def tokenize(self, model: Path, text: str, *, special: bool = False) -> list[int]:
        """Return how the model reads a text; see ``core.ports.LocalEngine``."""
        path = await asyncio.to_thread(_check, model)
        ids: list[int] = []
        command = Tokenize(text, str(path), special)
        async with self._supervisor.request(command) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, Tokens):
                    ids = list(body.ids)
        return ids

    async def load(self, model: Path) -> ModelReady:
        """Load a model ahead of its use; raises ``ModelError`` or ``EngineCrashed``."""
        path = await asyncio.to_thread(_check, model)
        ready: ModelReady | None = None
        async with self._supervisor.request(LoadModel(str(path))) as stream:
            while (body := await stream.next()) is not None:
                if isinstance(body, ModelReady):
                    ready = body
        if ready is None:
            raise ModelError(f"the engine did not say whether {path} is loaded")
        return ready

    async def unload(self) -> None:
        """Unload all models once what runs is done; the worker stays."""
        await self._do_if_running(Reset())

    async def forget(self, session: str) -> None:
        """Drop what is kept of a session, in memory and on the disk; starts no worker.

        Raises OSError when a file cannot be deleted. A worker that is busy with something longer
        than ``cancel_timeout_s`` forgets when that is over.
        """
        telling = spawn(
            self._do_if_running(Forget(session)), name="forget a session", log_failure=False
        )
        with suppress(ModelError, TimeoutError):  # what a lost worker knew is gone with it
            async with asyncio.timeout(self._settings.cancel_timeout_s):
                await asyncio.shield(telling)
        if (folder := self._settings.snapshot_folder) is not None:
            await asyncio.to_thread(delete_session_files, folder, session)

    def status(self) -> tuple[ModelStatus, ...]:
        """Tell of every model that was needed in this daemon's life whether it is loaded."""
        return tuple(
            replace(status, state=ModelState.INFERRING)
            if status.state is ModelState.LOADED and self._supervisor.requests.uses(status.path)
            else status
            for status in self._supervisor.board.all()
        )

    async def context_size(self, model: Path) -> int | None:
        """Return the window the model file gets, in tokens, or None when unknown. Never raises.

        A loaded model tells its own, which may be smaller when memory was short.
        """
        loaded = self._supervisor.board.of(_key(model)).context_size
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
        await self._supervisor.aclose()

    async def _do_if_running(self, command: EngineCommand) -> None:
        """Run a command that needs no answer, unless there is no worker."""
        if not self._supervisor.running:
            return
        async with self._supervisor.request(command) as stream:
            while await stream.next() is not None:
                pass


def _key(model: Path) -> str:
    return str(model.absolute())


def _check(model: Path) -> Path:
    path = model.absolute()
    read_head(path)
    return path
