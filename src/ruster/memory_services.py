"""All that has to do with the memory, built from the settings: where it lies, what makes vectors.

Nothing is imported or opened before something is to be kept or found. Which models make vectors is
looked for once, in the background, when a memory is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.ports import ChatModels, WebFetcher
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.llm.router import Models
from ruster.memory.embedding.meaning import Meaning
from ruster.memory.late import LateMemory
from ruster.memory.places import FILE_NAME
from ruster.memory.rounds import Rounds

if TYPE_CHECKING:
    from ruster.core.memory import Summarizer
    from ruster.handlers.memory.handlers import MemoryHandlers
    from ruster.memory.embedding.wiping import CacheWiper
    from ruster.memory.service import MemoryService
    from ruster.sessions.store import SessionStore

__all__ = ["MemoryServices"]

_log = structlog.stdlib.get_logger("ruster.memory")
_LOCAL = ("llamacpp", "ollama")
"""Providers that run on this machine: nothing is sent anywhere that nobody named."""


class MemoryServices:
    """``late`` is what turns and tools use; ``meaning`` tells how things are found."""

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        models: Models,
        chat_models: ChatModels,
        clock: Clock,
        folder_of: Callable[[str], Path],
    ) -> None:
        self._settings = settings.memory
        self._paths = paths
        self._models = models
        self._chat_models = chat_models
        self._clock = clock
        self._folder_of = folder_of
        self._root = paths.data / "memory"
        self._looking: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._default_model = settings.default_model
        self._meaning = Meaning()
        self._wiper: CacheWiper | None = None
        self.late = LateMemory(self._load, self._settings, self._root)
        self.rounds = Rounds(
            self.late.lend,
            lambda: _files(paths),
            self._settings.upkeep,
            self._summarizer,
        )

    @property
    def service(self) -> MemoryService:
        """The memory itself; the first time it is imported, which blocks."""
        return self.late.service

    async def handlers(self, sessions: SessionStore, web: WebFetcher) -> MemoryHandlers:
        """Return the commands about the memory, imported when the first one comes."""
        service = await self.late.loaded()
        await asyncio.to_thread(_load_handlers)
        from ruster.handlers.memory.handlers import MemoryHandlers, MemoryParts

        parts = MemoryParts(
            backups=self._paths.data / "backups" / "memory",
            clock=self._clock,
            web=web,
            meaning=self.meaning,
        )
        return MemoryHandlers(sessions, service, self._settings, parts)

    async def aclose(self) -> None:
        """Keep what waits, close all memories and let go of the models."""
        if self._looking is not None:
            await cancel_and_wait(self._looking)
        await self.late.aclose()
        await self._stack.aclose()

    def _load(self) -> Callable[[], MemoryService]:
        """Import the memory and return what makes it."""
        from ruster.memory.embedding.wiping import CacheWiper
        from ruster.memory.keeping import Keeper
        from ruster.memory.learning.choice import learner_for
        from ruster.memory.learning.known import OwnerFacts
        from ruster.memory.memories import Memories
        from ruster.memory.service import MemoryService

        def make() -> MemoryService:
            own = self._settings
            self._wiper = CacheWiper(self._paths.cache / "vectors.sqlite")
            memories = Memories(self._root, self._clock, own.max_open, self._first_use, self._wiper)
            learner = learner_for(own, self._chat_models, OwnerFacts(memories).near)
            keeper = Keeper(memories, learner, own.max_waiting)
            return MemoryService(memories, keeper, own, self._folder_of)

        return make

    def _summarizer(self) -> Summarizer | None:
        from ruster.memory.learning.summing import summarizer_for

        own = self._settings.upkeep
        return summarizer_for(own, self._chat_models, self._default_model, self._clock)

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
        own, memories = self._settings.embedding, self.service.memories
        if (own.embedder, own.reranker) == ("off", "off"):
            return
        # Imported when first needed, not at every start.
        from ruster.memory.embedding.cache import EmbeddingCache
        from ruster.memory.embedding.cached import CachedEmbedder
        from ruster.memory.embedding.choice import choose_embedder
        from ruster.memory.onnx.folder import find_folders
        from ruster.memory.onnx.models import OnnxModels
        from ruster.memory.reranking.choice import choose_reranker

        try:
            folders = await asyncio.to_thread(find_folders, own.onnx_folders)
            local = [it.id for it in (await self._models.models(_LOCAL)).models]
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
            memories.use((), reranker)
            return
        cache = EmbeddingCache(self._paths.cache / "vectors.sqlite", own.cache_entries)
        self._stack.callback(cache.close)
        _log.info("memory_by_meaning", embedder=choice.embedder.id)
        cached = CachedEmbedder(choice.embedder, cache)
        if self._wiper is not None:
            self._wiper.embedder = cached
        memories.use((cached,), reranker)


def _load_handlers() -> None:
    """Import the commands beside what else the daemon does."""
    import ruster.handlers.memory.handlers  # noqa: F401


def _files(paths: Paths) -> Iterator[Path]:
    """Return all memories there are: those of owners, then those of sessions."""
    yield from (paths.data / "memory").glob(f"*/{FILE_NAME}")
    for home in (paths.sessions, *paths.sessions.glob(".uid-*")):
        yield from home.glob(f"*/memory/{FILE_NAME}")
