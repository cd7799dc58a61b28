"""Our embedded engine as one side of a comparison: ``EngineHost`` and its worker, no daemon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.llama_server import Run
from bench.spoken import Spoken
from ruster.core.inference import (
    Behaviour,
    Content,
    InferenceConfig,
    InferenceRequest,
    Sampling,
    Usage,
)
from ruster.core.messages import Message, Role
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings

__all__ = ["Embedded"]

_GREEDY = Sampling(temperature=0, repetition_penalty=1.0)


class Embedded:
    """The engine as the daemon uses it; ``settings`` are further ones of the engine."""

    name = "ruster"

    def __init__(self, run: Run, snapshots: Path, **settings: Any) -> None:
        self._run = run
        self._settings = EngineSettings.model_validate(
            {
                "context_size": run.window,
                "kv_cells": run.window * run.sessions,
                "max_sequences": run.sessions,
                "threads": run.threads,
                "batch_size": run.batch,
                "snapshot_folder": snapshots,
                **settings,
            }
        )
        self._host: EngineHost | None = None

    async def start(self) -> float:
        """Start the worker and load the model."""
        started = time.perf_counter()
        self._host = EngineHost(self._settings)
        await self._host.load(self._run.model)
        return time.perf_counter() - started

    async def stop(self) -> None:
        """End the worker."""
        if self._host is not None:
            await self._host.aclose()
            self._host = None

    async def reload(self) -> None:
        """Unload the model and load it again."""
        if self._host is not None:
            await self._host.unload()
            await self._host.load(self._run.model)

    async def ask(self, session: str, texts: Sequence[str], tokens: int) -> Spoken:
        """Take a turn of a session."""
        if self._host is None:
            raise RuntimeError("it has not been started")
        roles = (Role.USER, Role.ASSISTANT)
        messages = tuple(Message(roles[n % 2], text) for n, text in enumerate(texts))
        config = InferenceConfig(Behaviour(max_tokens=tokens), _GREEDY)
        request = InferenceRequest("", messages, config, session=session)
        spoken = Spoken(time.perf_counter())
        async for event in self._host.infer(self._run.model, request):
            if isinstance(event, Content):
                spoken.take(event.text, time.perf_counter())
            elif isinstance(event, Usage):
                spoken.prompt_tokens, spoken.tokens = event.prompt, event.completion
        spoken.ended_at = time.perf_counter()
        return spoken
