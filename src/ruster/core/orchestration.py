"""What a host and an engine's worker say to each other: the seeds' BrainstemInput and -Output.

``EngineInput{id?, command}`` goes to the worker, ``EngineOutput{id?, body}`` comes back; the JSON
is externally tagged (``{"body":{"Event":{"Content":"Hi"}}}``): see ``core.orchestration_json``.
Fields that the seeds do not have are optional, so their plain forms are still understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ruster.core.inference import InferenceConfig, InferenceEvent
from ruster.core.messages import Message, ToolSpec

__all__ = [
    "AssetComplete",
    "AssetEvent",
    "AssetFailed",
    "AssetProgress",
    "AssetStarted",
    "Cancel",
    "Embed",
    "Embedding",
    "EngineBody",
    "EngineCommand",
    "EngineFailure",
    "EngineInput",
    "EngineOutput",
    "Forget",
    "Heartbeat",
    "Infer",
    "ListModels",
    "LoadModel",
    "ModelEntry",
    "ModelList",
    "ModelReady",
    "ModelState",
    "ModelUnloaded",
    "Rerank",
    "Reset",
    "Score",
    "Stop",
    "Tokenize",
    "Tokens",
]


@dataclass(frozen=True, slots=True)
class LoadModel:
    """``LoadModel``: make a model ready; ``model`` is a path. Answered by ModelReady."""

    model: str


@dataclass(frozen=True, slots=True)
class Infer:
    """``Infer``: one inference; ``messages`` go through the chat template, a bare ``prompt`` is one
    user message.

    ``session`` names the conversation, so that a worker may keep its state between turns.
    """

    prompt: str = ""
    model: str | None = None
    config: InferenceConfig = field(default_factory=InferenceConfig)
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """``Embed``: one vector per text of ``input``; answered by as many Embedding events."""

    input: tuple[str, ...]
    model: str | None = None
    config: InferenceConfig = field(default_factory=InferenceConfig)


@dataclass(frozen=True, slots=True)
class Rerank:
    """``Rerank``: one Score per document, in order (our addition)."""

    query: str
    documents: tuple[str, ...]
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Tokenize:
    """``Tokenize``: how a model reads a text; answered by Tokens and Complete (our addition).

    ``special`` adds what the model wants at the start and end of a text.
    """

    text: str
    model: str | None = None
    special: bool = False


@dataclass(frozen=True, slots=True)
class ListModels:
    """``ListModels``: which models are loaded; answered by ModelList."""


@dataclass(frozen=True, slots=True)
class Reset:
    """``Reset``: unload all models and forget all state, once what waits before it is done."""


@dataclass(frozen=True, slots=True)
class Stop:
    """``Stop``: end the worker."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """``Cancel``: end the request called ``target``, whether it waits or runs (our addition)."""

    target: str


@dataclass(frozen=True, slots=True)
class Forget:
    """``Forget``: drop what is kept of a session, in memory and on the disk (our addition).

    Answered by Complete.
    """

    session: str


EngineCommand = (
    LoadModel | Infer | Embed | Rerank | Tokenize | ListModels | Reset | Stop | Cancel | Forget
)


@dataclass(frozen=True, slots=True)
class EngineInput:
    """The seeds' ``BrainstemInput``: a command; what it causes carries the same ``id``."""

    command: EngineCommand
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """The vector of one text, normalised to length 1."""

    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one document answers the query: the model's own number, the higher the better."""

    value: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, by their ids in the model's vocabulary."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AssetStarted:
    """A model begins to load (or to be fetched)."""

    name: str


@dataclass(frozen=True, slots=True)
class AssetProgress:
    """How much of it is there, in bytes."""

    current: int
    total: int


@dataclass(frozen=True, slots=True)
class AssetComplete:
    """The asset lies at ``path``, ready."""

    path: str


@dataclass(frozen=True, slots=True)
class AssetFailed:
    """The asset could not be had (the seeds' ``AssetEvent::Error``)."""

    message: str


AssetEvent = AssetStarted | AssetProgress | AssetComplete | AssetFailed


class ModelState(StrEnum):
    """Where a model is in its life."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    INFERRING = "inferring"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model in a list; ``purpose`` is "Inference", "Embedding" or "Rerank".

    Our additions: its state, an estimate of the memory it takes, and for how long it has been idle
    (None: it is in use).
    """

    id: str
    purpose: str = "Inference"
    state: ModelState = ModelState.LOADED
    memory_bytes: int = 0
    idle_s: float | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """The seeds' ``ModelList`` body."""

    models: tuple[ModelEntry, ...]


@dataclass(frozen=True, slots=True)
class ModelReady:
    """A model is loaded (our addition): window in tokens, size in bytes, time in seconds.

    ``context_size`` 0 says that the model makes embeddings only. ``threads`` and ``batch_threads``
    compute an answer's next token and larger steps; ``step_times`` is how long a step of one token
    took with how many threads, in seconds, where that was measured.
    """

    path: str
    context_size: int
    train_context: int
    size_bytes: int
    load_s: float
    threads: int | None = None
    batch_threads: int | None = None
    step_times: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    """A model has given its memory back (our addition); belongs to no request."""

    path: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Work goes on (our addition): sent now and then while it does; belongs to no request."""


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """The seeds' ``Error`` body; a ``code`` of the error tree makes it an object on the wire."""

    message: str
    code: str | None = None
    retryable: bool = False


EngineBody = (
    InferenceEvent
    | Embedding
    | Score
    | Tokens
    | AssetEvent
    | ModelList
    | ModelReady
    | ModelUnloaded
    | Heartbeat
    | EngineFailure
)


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """The seeds' ``BrainstemOutput``: one event of the request called ``id``."""

    body: EngineBody
    id: str | None = None
