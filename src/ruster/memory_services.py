"""All that has to do with the memory, built from the settings: where it lies, what makes vectors.

Nothing is opened before something is to be kept or found. Which models make vectors is looked for
once, in the background, when a memory is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.ports import ChatModels
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.llm.router import Models
from ruster.memory.embedding.meaning import Meaning
from ruster.memory.embedding.wiping import CacheWiper
from ruster.memory.keeping import Keeper
from ruster.memory.learning.choice import learner_for
from ruster.memory.learning.known import OwnerFacts
from ruster.memory.learning.summing import summarizer_for
from ruster.memory.memories import Memories
from ruster.memory.rounds import Rounds
from ruster.memory.service import FolderOf, MemoryService
from ruster.memory.store import FILE_NAME

__all__ = ["MemoryServices"]

_log = structlog.stdlib.get_logger("ruster.memory")
_LOCAL = ("llamacpp", "ollama")
"""Providers that run on this machine: nothing is sent anywhere that nobody named."""


class MemoryServices:
    """``service`` is what turns, tools and commands use."""

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        models: Models,
        chat_models: ChatModels,
        clock: Clock,
        folder_of: FolderOf,
    ) -> None:
        own = settings.memory
        self._settings = own.embedding
        self._cache_file = paths.cache / "vectors.sqlite"
        self._models = models
        self._looking: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._meaning = Meaning()
        self._wiper = CacheWiper(self._cache_file)
        self._memories = Memories(
            paths.data / "memory", clock, own.max_open, self._first_use, self._wiper
        )
        known = OwnerFacts(self._memories)
        learner = learner_for(own, chat_models, known.near)
        keeper = Keeper(self._memories, learner, own.max_waiting)
        self.service = MemoryService(self._memories, keeper, own, folder_of)
        self.rounds = Rounds(
            self._memories,
            lambda: _files(paths),
            paths.state / "memory-rounds.json",
            own.upkeep,
            clock,
            summarizer_for(own.upkeep, chat_models, settings.default_model, clock),
        )

    async def aclose(self) -> None:
        """Keep what waits, close all memories and let go of the models."""
        await self.rounds.aclose()
        if self._looking is not None:
            await cancel_and_wait(self._looking)
        await self.service.aclose()
        await self._stack.aclose()

    async def meaning(self) -> Meaning:
        """Tell by which model things are found; if nobody has looked for one yet, look now."""
        looking = self._look_once()
        await asyncio.shield(looking)
        return self._meaning

    def _first_use(self) -> None:
        self._look_once()

    def _look_once(self) -> asyncio.Task[None]:
        if self._looking is None:
            self._looking = spawn(self._look(), name="look for an embedding model")
        return self._looking

    async def _look(self) -> None:
        """Choose the models that make vectors and rate; without any, words alone must do."""
        if (self._settings.embedder, self._settings.reranker) == ("off", "off"):
            return
        # Imported when first needed, not at every start.
        from ruster.memory.embedding.cache import EmbeddingCache
        from ruster.memory.embedding.cached import CachedEmbedder
        from ruster.memory.embedding.choice import choose_embedder
        from ruster.memory.onnx.folder import find_folders
        from ruster.memory.onnx.models import OnnxModels
        from ruster.memory.reranking.choice import choose_reranker

        own = self._settings
        try:
            folders = await asyncio.to_thread(find_folders, own.onnx_folders)
            listed = await self._models.models()
            local = [it.id for it in listed.models if it.id.partition("/")[0] in _LOCAL]
            onnx = OnnxModels(own.onnx)
            self._stack.push_async_callback(onnx.aclose)
            choice = choose_embedder(own.embedder, folders, onnx.open, local, self._models)
            reranker = choose_reranker(own.reranker, folders, onnx.open, local, self._models)
        except RusterError as error:
            _log.error("no_embedder", why=error.message)
            self._meaning = Meaning(failure=error.message)
            return
        embedder = choice.embedder
        self._meaning = Meaning(None if embedder is None else embedder.id, choice.hint)
        if choice.embedder is None:
            _log.info("memory_by_words_only", hint=choice.hint)
            self._memories.use((), reranker)
            return
        cache = EmbeddingCache(self._cache_file, own.cache_entries)
        self._stack.callback(cache.close)
        _log.info("memory_by_meaning", embedder=choice.embedder.id)
        self._wiper.embedder = CachedEmbedder(choice.embedder, cache)
        self._memories.use((self._wiper.embedder,), reranker)


def _files(paths: Paths) -> Iterator[Path]:
    """Return all memories there are: those of owners, then those of sessions."""
    yield from (paths.data / "memory").glob(f"*/{FILE_NAME}")
    for home in (paths.sessions, *paths.sessions.glob(".uid-*")):
        yield from home.glob(f"*/memory/{FILE_NAME}")
