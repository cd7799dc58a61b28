"""All that has to do with models, built from the settings: the store, the engine, every provider.

The daemon and the library facade are both built on it. Nothing is imported or started before a
model of it is asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.config.loader import variables
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.clock import Clock
from ruster.core.inference import InferenceEvent, InferenceRequest
from ruster.core.ports import LocalEngine, Provider
from ruster.llm.registry import Registry
from ruster.llm.retries import Retries, RetryPolicy
from ruster.llm.router import Models
from ruster.modelstore.folders import StoreFolders
from ruster.modelstore.store import ModelStore
from ruster.storage.disk import Disk

if TYPE_CHECKING:
    from ruster.engine.host import EngineHost
    from ruster.engine.status import ModelStatus

__all__ = ["LOCAL", "ModelServices"]

LOCAL = "llamacpp"
"""The prefix of the models that ruster runs by itself."""


class ModelServices:
    """``models`` answers by full name, ``store`` has the files; ``aclose`` ends both.

    ``providers`` adds providers by prefix, or takes the place of ours. Fulfils
    ``core.ports.SessionState`` for what the engine keeps of sessions.
    """

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        environment: Mapping[str, str],
        clock: Clock,
        disk: Disk,
        providers: Mapping[str, Provider],
    ) -> None:
        self._settings = settings
        self._paths = paths
        self._clock = clock
        self._engine: EngineHost | None = None
        look_up = variables(paths, environment)
        self.store = ModelStore(
            StoreFolders(paths.config, paths.cache), settings.models, look_up, disk=disk
        )
        ready: dict[str, Callable[[], Provider]] = {LOCAL: self._local_provider}
        ready |= {name: partial(_given, provider) for name, provider in providers.items()}
        self.registry = Registry(
            settings.llm, ready, providers=settings.providers, variables=look_up
        )
        retries = Retries(RetryPolicy.of(settings.llm), clock)
        self.models = Models(self.registry, settings.llm.fallback_models, retries)

    @property
    def engine(self) -> EngineHost:
        """The embedded engine, whose process starts with the first request."""
        # Imported when first needed, not at every start: the engine is an optional part.
        from ruster.engine.host import EngineHost

        if self._engine is None:
            settings = self._settings.engine
            if settings.snapshot_folder is None:
                folder = self._paths.snapshots
                settings = settings.model_copy(update={"snapshot_folder": folder})
            self._engine = EngineHost(settings, clock=self._clock)
        return self._engine

    def loaded(self) -> Sequence[ModelStatus]:
        """Tell of the local models that were needed since the start; starts nothing."""
        return () if self._engine is None else self._engine.status()

    async def forget(self, session_key: str) -> None:
        """Drop what the engine keeps of a session; raises OSError when some of it stays."""
        await self.engine.forget(session_key)

    async def is_here(self, model: str) -> bool:
        """Tell whether a model can answer without a download."""
        prefix, _, name = model.partition("/")
        return prefix != LOCAL or await self.store.find(name) is not None

    def full_name(self, name: str) -> str:
        """Return a model's name with the provider's before it: the local one if it has none."""
        prefix, slash, _ = name.partition("/")
        return name if slash and prefix in self.registry else f"{LOCAL}/{name}"

    def first_download(self) -> str | None:
        """Return the model that a message would bring here while nothing else can answer."""
        chain = (self._settings.default_model, *self._settings.llm.fallback_models)
        engine_here = importlib.util.find_spec("llama_cpp") is not None
        if f"{LOCAL}/default" in chain and engine_here and self.store.can_download:
            return self._settings.models.default_model
        return None

    async def unload(self) -> str:
        """Give back the memory of local models once what runs is done; say what was done."""
        if self._engine is None:
            return "no local model was needed yet"
        await self._engine.unload()
        return "the local models are unloaded"

    async def aclose(self) -> None:
        """Stop downloads, close the providers, end the engine."""
        await self.store.aclose()
        await self.models.aclose()
        if self._engine is not None:
            await self._engine.aclose()

    def _local_provider(self) -> Provider:
        from ruster.llm.llamacpp import LlamaCppProvider

        return LlamaCppProvider(_LateEngine(lambda: self.engine), self.store)


class _LateEngine:
    """Has the engine made when a model file is first run: to list what is here needs none."""

    def __init__(self, engine: Callable[[], LocalEngine]) -> None:
        self._engine = engine
        self._used = False

    @property
    def missing(self) -> str | None:
        return self._made().missing

    def infer(self, model: Path, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        return self._made().infer(model, request)

    async def embed(self, model: Path, texts: Sequence[str]) -> list[list[float]]:
        return await self._made().embed(model, texts)

    async def rerank(self, model: Path, query: str, documents: Sequence[str]) -> list[float]:
        return await self._made().rerank(model, query, documents)

    async def tokenize(self, model: Path, text: str, *, special: bool = False) -> list[int]:
        return await self._made().tokenize(model, text, special=special)

    async def forget(self, session: str) -> None:
        await self._made().forget(session)

    async def context_size(self, model: Path) -> int | None:
        return await self._made().context_size(model)

    async def aclose(self) -> None:
        if self._used:
            await self._made().aclose()

    def _made(self) -> LocalEngine:
        self._used = True
        return self._engine()


def _given(provider: Provider) -> Provider:
    return provider
