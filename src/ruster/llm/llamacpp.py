"""The ``llamacpp`` provider: GGUF files, run by the embedded engine.

It asks the store for the file, and splits the engine's raw text into thoughts, answer and tool
calls. Where the file comes from is the store's matter, which process runs the model the engine's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from ruster.core.errors import ModelError, ProviderUnreachable, RusterError
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    Progress,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.ports import LocalEngine, ModelFiles, ModelInfo
from ruster.llm.thinking import ThinkingParser
from ruster.llm.toolcalls import ToolCallParser

__all__ = ["LlamaCppProvider"]

_CANNOT_ANSWER = frozenset({"engine_missing", "engine_start_failed", "model_not_found"})


class LlamaCppProvider:
    """Answers with GGUF files; fulfils ``core.ports.Provider``.

    A model's name is one that the store knows. What is not on this machine is downloaded when it
    is first asked to answer, and only then. The provider owns ``engine`` and closes it.
    """

    def __init__(self, engine: LocalEngine, files: ModelFiles) -> None:
        self._engine = engine
        self._files = files

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.ports.Provider``."""
        path: Path | None = None
        async with aclosing(self._fetch(request.model)) as steps:  # type: ignore[type-var]
            async for step in steps:
                if isinstance(step, Progress):
                    yield step
                else:
                    path = step
        if path is None:
            raise ProviderUnreachable(f"the store has no file for {request.model!r}")
        splitter = _Splitter(request)
        started = False
        try:
            async with aclosing(self._engine.infer(path, request)) as events:  # type: ignore[type-var]
                async for event in events:
                    for out in splitter.feed(event):
                        started = True
                        yield out
        except ModelError as error:
            if started or error.code not in _CANNOT_ANSWER:
                raise
            raise ProviderUnreachable(error.message, code=error.code) from error

    async def models(self) -> list[ModelInfo]:
        """List the models of this machine."""
        try:
            found = await self._files.list(only_here=True)
        except RusterError as error:
            raise ProviderUnreachable(error.message, code=error.code) from error
        return [
            ModelInfo(
                f"llamacpp/{model.name}",
                await self._engine.context_size(model.path),
                model.size_bytes,
            )
            for model in found
            if model.path is not None
        ]

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model`` in tokens, or None when unknown. Never raises."""
        try:
            path = await self._files.find(model)
        except RusterError:
            return None
        return None if path is None else await self._engine.context_size(path)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; errors as with ``stream``."""
        return await self._engine.embed(await self._file(model), texts)

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, the higher the better; errors as with ``stream``."""
        return await self._engine.rerank(await self._file(model), query, documents)

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of ``text``; see ``core.ports.Tokenizer``."""
        return await self._engine.tokenize(await self._file(model), text, special=special)

    async def aclose(self) -> None:
        """End the engine."""
        await self._engine.aclose()

    async def _file(self, model: str) -> Path:
        """Get the model's file without telling how far that is."""
        path: Path | None = None
        async for step in self._fetch(model):
            path = step if isinstance(step, Path) else path
        if path is None:
            raise ProviderUnreachable(f"the store has no file for {model!r}")
        return path

    async def _fetch(self, model: str) -> AsyncIterator[Progress | Path]:
        """Get the model's file; whatever is in the way, another model may answer instead."""
        try:
            if self._engine.missing is not None and await self._files.find(model) is None:
                raise ModelError(self._engine.missing, code="engine_missing")
            async with aclosing(self._files.ensure_stream(model)) as steps:  # type: ignore[type-var]
                async for step in steps:
                    yield step
        except RusterError as error:
            raise ProviderUnreachable(error.message, code=error.code) from error


class _Splitter:
    """Turns the engine's events into the provider's."""

    def __init__(self, request: InferenceRequest) -> None:
        self._show_thinking = request.config.behaviour.show_thinking
        self._thinking = ThinkingParser()
        self._calls = ToolCallParser(tools=request.tools)
        self._called = False
        self._flushed = False

    def feed(self, event: InferenceEvent) -> Iterator[InferenceEvent]:
        """Take one of the engine's events and yield what it means."""
        match event:
            case Content(text):
                yield from self._split(self._thinking.feed(text))
            case Thought(ThoughtPhase.START):
                self._thinking = ThinkingParser(inside=True)
            case Usage():
                yield from self._flush()
                yield event
            case Complete(reason):
                yield from self._flush()
                yield Complete(FinishReason.TOOL_CALLS if self._called else reason)
            case _:
                yield event

    def _split(self, events: Sequence[Thought | Content]) -> Iterator[InferenceEvent]:
        for event in events:
            if isinstance(event, Content):
                yield from self._noted(self._calls.feed(event.text))
            elif self._show_thinking:
                yield event

    def _flush(self) -> Iterator[InferenceEvent]:
        if not self._flushed:
            self._flushed = True
            yield from self._split(self._thinking.finish())
            yield from self._noted(self._calls.finish())

    def _noted(
        self, events: Sequence[Content | ToolCallRequest]
    ) -> Sequence[Content | ToolCallRequest]:
        self._called |= any(isinstance(event, ToolCallRequest) for event in events)
        return events
