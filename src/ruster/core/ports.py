"""The seams of the house: what one package needs from another, as Protocols.

Packages on the same row never import each other; they meet here and are joined in ``app``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ruster.core.inference import InferenceEvent, InferenceRequest, Progress
from ruster.core.manifest import Purpose
from ruster.core.messages import Message, ToolCall, ToolSpec

__all__ = [
    "ChatModels",
    "Embedder",
    "LocalEngine",
    "LocalModel",
    "ModelFiles",
    "ModelInfo",
    "ModelList",
    "ProcessJob",
    "ProcessResult",
    "ProcessSandbox",
    "Provider",
    "SessionState",
    "ToolRunner",
    "WebAnswer",
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


class ToolRunner(Protocol):
    """What ``agent`` needs of the tools: which to offer, and to run one."""

    async def offer(self, messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
        """Choose the tools this conversation's next step may use."""
        ...

    async def run(self, call: ToolCall) -> str:
        """Run a call and return its result text; raises ``ToolError`` with a hint for the model."""
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


@dataclass(frozen=True, slots=True)
class ProcessJob:
    """A program to run: in ``folder``, with nothing of the user's in sight but what is named.

    ``folder`` itself is only visible when it lies in one of the others. The network is closed.
    """

    argv: tuple[str, ...]
    folder: Path
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a program ended: ``status`` is negative when a signal ended it, ``cut`` says that it
    wrote more than is kept."""

    status: int
    stdout: bytes
    stderr: bytes
    cut: bool = False


class ProcessSandbox(Protocol):
    """Runs programs that are not trusted."""

    async def run(self, job: ProcessJob) -> ProcessResult:
        """Run it to its end; raises ToolError when it cannot be confined or takes too long.

        Cancelling ends the program with all its children within a second.
        """
        ...


class WebAnswer(Protocol):
    """What a web server answered; ``origin`` is such as ``web:example.com``."""

    @property
    def final_url(self) -> str: ...

    @property
    def status(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def origin(self) -> str: ...


class WebFetcher(Protocol):
    """Asks web servers, never machines of the user's own network; raises ToolError."""

    async def get(self, url: str) -> WebAnswer:
        """Fetch a page, following redirects."""
        ...

    async def post(self, url: str, body: str) -> WebAnswer:
        """Send a body."""
        ...
