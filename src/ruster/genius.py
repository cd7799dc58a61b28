"""The library facade: models and chat inside one's own program, no daemon.

async with Genius("Qwen/Qwen2.5-1.5B-Instruct") as genius:
    async for event in genius.chat(["What is the capital of France?"]):
        if isinstance(event, Content):
            print(event.text, end="")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from ruster.config.loader import process_environment
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.clock import SystemClock
from ruster.core.errors import ModelError
from ruster.core.inference import (
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Progress,
)
from ruster.core.messages import Message, Role, ToolSpec
from ruster.core.ports import ChatModels, ModelList, Provider
from ruster.llm.settings import LlmSettings
from ruster.model_services import LOCAL, ModelServices
from ruster.modelstore.store import ModelStore
from ruster.storage.disk import Disk

if TYPE_CHECKING:
    from ruster.engine.status import ModelStatus

__all__ = ["Genius", "Lifecycle", "LifecycleKind", "Said"]

Said = Message | str | Mapping[str, str]
"""A message; a bare string is the user's; a mapping has ``role`` and ``content``."""


class LifecycleKind(StrEnum):
    """When a model that nobody uses gives its memory back."""

    IMMEDIATE = "immediate"
    HIBERNATE = "hibernate"
    KEEP_ALIVE = "keep_alive"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long a model stays in memory: the seeds' ``CortexStrategy``."""

    kind: LifecycleKind
    after_s: float = 300.0

    @classmethod
    def immediate(cls) -> Lifecycle:
        """Unload after each answer."""
        return cls(LifecycleKind.IMMEDIATE)

    @classmethod
    def hibernate(cls, after_s: float = 300.0) -> Lifecycle:
        """Unload when nobody has used it for so many seconds."""
        return cls(LifecycleKind.HIBERNATE, after_s)

    @classmethod
    def keep_alive(cls) -> Lifecycle:
        """Never unload."""
        return cls(LifecycleKind.KEEP_ALIVE)


class Genius:
    """Chat, vectors and model files. Any number of calls may run at once.

    ``model`` and ``embed_model`` are names of the model store (see ``ruster.modelstore``), or carry
    a provider's prefix (``ollama/…``, ``openai/…``, ``pinky/…``). A hub's organisation that is
    called like a provider is reached as ``llamacpp/ORG/REPO``. ``settings`` are those of the daemon
    (its own files are not read); without them no model stands in for another. ``providers`` adds
    providers by prefix. ``isolation`` says where llama.cpp runs, whatever ``settings`` say: in a
    ``thread`` of this process, without a second interpreter, or in a child ``process``. A fault in
    native code, or a model too large for the memory, ends the process that it happens in: with
    ``thread`` that is yours.
    """

    def __init__(  # noqa: PLR0913 - what a program may choose, each by its name
        self,
        model: str | None = None,
        *,
        embed_model: str = "nomic-embed-text",
        lifecycle: Lifecycle | None = None,
        isolation: Literal["thread", "process"] = "thread",
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        providers: Mapping[str, Provider] | None = None,
    ) -> None:
        given = settings or Settings(llm=LlmSettings(fallback_models=()))
        lifecycle = lifecycle or Lifecycle.hibernate()
        engine = given.engine.model_copy(
            update={
                "unload": lifecycle.kind.value,
                "unload_after_s": lifecycle.after_s,
                "isolation": isolation,
            }
        )
        environment = process_environment() if environment is None else environment
        self._services = ModelServices(
            given.model_copy(update={"engine": engine}),
            Paths.of(environment),
            environment,
            SystemClock(),
            Disk(),
            providers or {},
        )
        self._model = model or given.models.default_model
        self._embed_model = embed_model

    async def __aenter__(self) -> Genius:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._services.aclose()

    async def chat(
        self,
        messages: Sequence[Said],
        *,
        model: str | None = None,
        config: InferenceConfig | None = None,
        tools: Sequence[ToolSpec] = (),
        session: str | None = None,
    ) -> AsyncIterator[InferenceEvent]:
        """Answer a conversation, yielding the events of ``core.inference`` as they come.

        A model that is not here is downloaded first (``Progress``). ``session`` names the
        conversation, so that its next turn reads only what is new. Closing the iterator ends the
        answer. Raises ``ProviderError`` and its families.
        """
        request = InferenceRequest(
            model="",
            messages=tuple(_message(said) for said in messages),
            config=config or InferenceConfig(),
            tools=tuple(tools),
            session=session,
        )
        full = self.full_name(model or self._model)
        stream = self._services.models.stream(full, request)
        async with aclosing(stream) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def answer(
        self,
        messages: Sequence[Said],
        *,
        model: str | None = None,
        config: InferenceConfig | None = None,
    ) -> str:
        """Answer a conversation and return the text alone."""
        events = self.chat(messages, model=model, config=config)
        async with aclosing(events) as stream:  # type: ignore[type-var]
            return "".join([event.text async for event in stream if isinstance(event, Content)])

    async def embed(self, texts: Sequence[str], *, model: str | None = None) -> list[list[float]]:
        """Return one vector of length 1 per text."""
        return await self._services.models.embed(self.full_name(model or self._embed_model), texts)

    async def rerank(self, query: str, documents: Sequence[str], *, model: str) -> list[float]:
        """Return how well each document answers the query: the higher, the better.

        ``model`` is a reranking model, whose own scale this is. Raises ``ProviderError``
        (``not_a_reranker``).
        """
        return await self._services.models.rerank(self.full_name(model), query, documents)

    async def tokenize(
        self, text: str, *, model: str | None = None, special: bool = False
    ) -> list[int]:
        """Return how a local model reads a text: its tokens, by their ids.

        ``special`` adds what the model wants at the start and end of a text. Raises
        ``ProviderError`` (``not_supported``) where the model's provider does not tell.
        """
        name = self.full_name(model or self._model)
        return await self._services.models.tokenize(name, text, special=special)

    async def ensure_model(
        self,
        name: str | None = None,
        *,
        quant: str | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> Path:
        """Return the (first) file of a local model, downloading it if it is not here.

        ``watch`` is told how far that has come. Raises ``ModelError``.
        """
        own = self.full_name(name or self._model).removeprefix(f"{LOCAL}/")
        steps = self._services.store.ensure_stream(own, quant)
        async with aclosing(steps) as stream:  # type: ignore[type-var]
            async for step in stream:
                if isinstance(step, Path):
                    return step
                if watch is not None:
                    watch(step)
        raise ModelError(f"the download of {own} ended without a file", code="download_failed")

    @property
    def files(self) -> ModelStore:
        """The model files of this machine: to list, to check and to remove."""
        return self._services.store

    @property
    def chat_models(self) -> ChatModels:
        """What answers, by full names."""
        return self._services.models

    @property
    def engine_missing(self) -> str | None:
        """What must be installed before a local model can run, or None."""
        return self._services.engine.missing

    def is_local(self, name: str | None = None) -> bool:
        """Tell whether a model is a file that the embedded engine runs."""
        return self.full_name(name or self._model).startswith(f"{LOCAL}/")

    async def is_here(self, name: str) -> bool:
        """Tell whether a model can answer without a download."""
        return await self._services.is_here(self.full_name(name))

    def status(self) -> Sequence[ModelStatus]:
        """Tell of the local models that were needed so far: their state and their window."""
        return self._services.loaded()

    async def forget(self, session: str) -> None:
        """Drop what the engine keeps of a conversation; raises OSError when some of it stays."""
        await self._services.forget(session)

    async def models(self) -> ModelList:
        """List the models that can answer now."""
        return await self._services.models.models()

    async def unload(self) -> None:
        """Unload all local models once what runs is done."""
        await self._services.engine.unload()

    def full_name(self, name: str) -> str:
        """Return a model's name with its provider's prefix, as ``chat_models`` takes it."""
        return self._services.full_name(name)


def _message(said: Said) -> Message:
    if isinstance(said, Message):
        return said
    if isinstance(said, str):
        return Message(Role.USER, said)
    return Message(Role(said["role"]), said["content"])
