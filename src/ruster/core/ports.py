"""The seams of the house: what one package needs from another, as Protocols.

Packages on the same row never import each other; they meet here and are joined in ``app``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ruster.core.inference import InferenceEvent, InferenceRequest, Progress
from ruster.core.manifest import Purpose
from ruster.core.sandbox import Completed, ProcessSpec
from ruster.core.web import ScriptResult, WebAnswer

__all__ = [
    "ChatModels",
    "Embedder",
    "LocalEngine",
    "LocalModel",
    "ModelFiles",
    "ModelInfo",
    "ModelList",
    "ProcessSandbox",
    "Provider",
    "Reranker",
    "ScriptRunner",
    "SessionState",
    "Tokenizer",
    "WebFetcher",
]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model a provider can run: ``id`` carries the provider prefix; sizes in tokens and bytes."""

    id: str
    context_size: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models at hand; ``missing`` says, by prefix, why a provider could not list its own."""

    models: tuple[ModelInfo, ...]
    missing: Mapping[str, str]


class Provider(Protocol):
    """A source of model answers, chosen by the prefix of a model's name.

    ``stream`` is an async generator: closing it (or cancelling the task that iterates it) must
    stop the inference and release its connection or slot within a second. It raises
    ``ProviderUnreachable`` before its first event when it cannot answer at all, and any other
    ``ProviderError`` when it fails later.
    """

    def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.inference`` for the order of events."""
        ...

    async def models(self) -> list[ModelInfo]:
        """List the models at hand; raises ``ProviderUnreachable`` when that cannot be told."""
        ...

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model`` in tokens, or None when unknown. Never raises."""
        ...

    async def aclose(self) -> None:
        """Release everything; no stream may run."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """What a provider has beside ``Provider`` if its models make vectors."""

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises as ``Provider.stream`` does."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """What a provider has beside ``Provider`` if its models rate documents."""

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, in order: the higher, the better it answers the query.

        The scale is the model's own. Raises as ``Provider.stream`` does.
        """
        ...


@runtime_checkable
class Tokenizer(Protocol):
    """What a provider has beside ``Provider`` if it tells how its models read a text."""

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of ``text`` by their ids; raises as ``Provider.stream`` does.

        ``special`` adds what the model wants at the start and end of a text; control tokens that
        are written in the text never count as such.
        """
        ...


class ChatModels(Protocol):
    """All models by their full name ``provider/model``; what ``agent`` asks."""

    def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Answer with ``model``, or with the first fallback that can (told by a ``Notice``)."""
        ...

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model`` in tokens, or None when unknown."""
        ...

    async def models(self) -> ModelList:
        """List what every provider has."""
        ...


class LocalEngine(Protocol):
    """An embedded engine that runs model files of this machine; what the local provider needs.

    ``infer`` follows the rules of ``Provider.stream``, but gives raw text: its events are
    ``ProcessStart``, ``Content`` (with thought and tool tags still inside), one ``Usage`` and
    ``Complete``. A ``Thought`` with phase start before the first content says that the prompt
    itself has opened a thought. While the model loads, ``Progress`` in bytes comes before all.
    """

    @property
    def missing(self) -> str | None:
        """What must be installed before the engine can run anything, or None."""
        ...

    def infer(self, model: Path, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference on the model file; raises ``ModelError`` or ``EngineCrashed``."""
        ...

    async def embed(self, model: Path, texts: Sequence[str]) -> list[list[float]]:
        """Return one normalised vector per text; raises ``ModelError`` or ``EngineCrashed``."""
        ...

    async def rerank(self, model: Path, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, in order: the higher, the better it answers the query.

        The scale is the model's own. Raises ``ModelError`` (``not_a_reranker``) or
        ``EngineCrashed``.
        """
        ...

    async def tokenize(self, model: Path, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of ``text`` as ``Tokenizer`` does; raises ``ModelError``."""
        ...

    async def forget(self, session: str) -> None:
        """Drop what is kept of a session, in memory and on the disk."""
        ...

    async def context_size(self, model: Path) -> int | None:
        """Return the window the model file gets, in tokens, or None when unknown. Never raises."""
        ...

    async def aclose(self) -> None:
        """End the engine and give its memory back."""
        ...


class LocalModel(Protocol):
    """A model file of this machine, as a list shows it."""

    @property
    def name(self) -> str: ...

    @property
    def purpose(self) -> Purpose: ...

    @property
    def path(self) -> Path | None: ...

    @property
    def size_bytes(self) -> int | None: ...


class ModelFiles(Protocol):
    """Where model files come from; what the local provider needs of the model store.

    A name is whatever a person may call a model; ``default`` is one of them. All methods raise
    errors of the tree.
    """

    async def find(self, name: str) -> Path | None:
        """Return a model's file if it is on this machine; never asks anybody else."""
        ...

    def ensure_stream(self, name: str) -> AsyncIterator[Progress | Path]:
        """Yield how far the download has come, if one is needed, and at last the file.

        Closing the iterator gives the download up.
        """
        ...

    async def list(self, *, only_here: bool = False) -> Sequence[LocalModel]:
        """List the models, all that are known or those of this machine."""
        ...


class SessionState(Protocol):
    """What others keep of sessions, by ``InferenceRequest.session``; it goes when these go."""

    async def forget(self, session_key: str) -> None:
        """Drop it all; raises OSError when some of it stays on the disk."""
        ...


class ProcessSandbox(Protocol):
    """Runs programs that are not trusted."""

    async def run(self, spec: ProcessSpec) -> Completed:
        """Run a program with nothing but what ``spec`` grants, and wait for its end.

        A program that fails, or is ended by a limit, is no error. Raises ``ToolError``:
        ``sandbox_missing`` when this machine has no sandbox, ``sandbox_refused`` when a grant
        cannot be given, ``sandbox_failed`` when the program could not be started. Cancelling ends
        the program and all its children within a second.
        """
        ...


class WebFetcher(Protocol):
    """The one way to addresses that a model, a script, a page or a person chose."""

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        """Send a GET, HEAD or POST to a public web server and follow its redirects.

        ``headers`` and ``body`` stay with the first origin. Raises ToolError: ``url_refused`` for
        what must not be asked, ``fetch_timeout``, ``fetch_too_large``, ``fetch_failed``; with the
        ``origin`` of a server that was asked.
        """
        ...


class ScriptRunner(Protocol):
    """Runs the scripts of skills, which are not trusted."""

    async def run(self, source: str, args: Mapping[str, Any] | str | None = None) -> ScriptResult:
        """Call the script's ``main(args)`` or ``main()``; cancelling ends it at once.

        Raises ToolError: ``script_invalid``, ``script_failed``, ``script_timeout``,
        ``script_memory``, ``script_busy``, ``scripts_missing``; with the ``origin`` of text that
        the script has seen.
        """
        ...
