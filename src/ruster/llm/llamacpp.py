"""The ``llamacpp`` provider: GGUF files of this machine, run by the embedded engine.

It finds the file, and splits the engine's raw text into thoughts, answer and tool calls. Which
process runs the model is the engine's matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from ruster.core.errors import ModelError, ProviderUnreachable
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.ports import LocalEngine, ModelInfo
from ruster.llm.thinking import ThinkingParser
from ruster.llm.toolcalls import ToolCallParser

__all__ = ["LlamaCppProvider"]

_DEFAULT = "default"
_CANNOT_ANSWER = frozenset({"engine_missing", "engine_start_failed", "model_not_found"})


class LlamaCppProvider:
    """Answers with local GGUF files; fulfils ``core.ports.Provider``.

    A model's name is a path (absolute or with ``~``), or a name below ``models_dir``, with or
    without its ``.gguf``; ``default`` also means the newest file there. The provider owns
    ``engine`` and closes it.
    """

    def __init__(self, engine: LocalEngine, models_dir: Path) -> None:
        self._engine = engine
        self._models_dir = models_dir

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.ports.Provider``."""
        path = await self._find(request.model)
        splitter = _Splitter(show_thinking=request.config.behaviour.show_thinking)
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
        """List the GGUF files below ``models_dir``."""
        found = await asyncio.to_thread(_list_models, self._models_dir)
        return [
            ModelInfo(f"llamacpp/{name}", await self._engine.context_size(path), size)
            for name, path, size in found
        ]

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model`` in tokens, or None when unknown. Never raises."""
        try:
            return await self._engine.context_size(await self._find(model))
        except ProviderUnreachable:
            return None

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; errors as with ``stream``."""
        return await self._engine.embed(await self._find(model), texts)

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, the higher the better; errors as with ``stream``."""
        return await self._engine.rerank(await self._find(model), query, documents)

    async def aclose(self) -> None:
        """End the engine."""
        await self._engine.aclose()

    async def _find(self, model: str) -> Path:
        return await asyncio.to_thread(_find, model, self._models_dir)


class _Splitter:
    """Turns the engine's events into the provider's."""

    def __init__(self, *, show_thinking: bool) -> None:
        self._show_thinking = show_thinking
        self._thinking = ThinkingParser()
        self._calls = ToolCallParser()
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


def _find(model: str, models_dir: Path) -> Path:
    """Return the file of a model; raises ProviderUnreachable (``model_not_found``)."""
    tried = _candidates(model, models_dir)
    for path in tried:
        if path.is_file():
            return path
    if model == _DEFAULT and (listed := _list_models(models_dir)):
        return max(listed, key=lambda item: item[1].stat().st_mtime)[1]
    raise ProviderUnreachable(
        f"there is no model {model!r}: looked for {', '.join(map(str, tried))}; put a GGUF file "
        f"into {models_dir} or give its path",
        code="model_not_found",
    )


def _candidates(model: str, models_dir: Path) -> list[Path]:
    if "\0" in model or not model:
        return []
    try:
        path = Path(model).expanduser()
    except RuntimeError:  # a home that does not exist
        return []
    if path.is_absolute():
        return [path]
    named = [models_dir / path, models_dir / f"{path}.gguf"]
    root = models_dir.resolve()
    return [entry for entry in named if entry.parent.resolve().is_relative_to(root)]


def _list_models(models_dir: Path) -> list[tuple[str, Path, int]]:
    """Return name, path and size of each model; of a file in parts the first stands for all."""
    found: list[tuple[str, Path, int]] = []
    for path in sorted(models_dir.rglob("*.gguf")):
        is_later_part = "-of-" in path.stem and "-00001-of-" not in path.stem
        if path.is_file() and not path.name.startswith((".", "mmproj")) and not is_later_part:
            name = path.relative_to(models_dir).as_posix().removesuffix(".gguf")
            found.append((name, path, path.stat().st_size))
    return found
