"""A request to a model and the events that come back: the neutral protocol every provider speaks.

The events of one inference are, in order: ``ProcessStart``, any mix of ``Thought`` (start, deltas,
stop), ``Content`` and ``ToolCallRequest``, at most one ``Usage``, and ``Complete`` as the last.
``Progress`` and ``Notice`` are no part of the answer: they come wherever they happen, mostly before
it, while a model is fetched or loaded. A failure is an exception of the error tree, never an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ruster.core.messages import Message, ToolCall, ToolSpec

__all__ = [
    "Behaviour",
    "Complete",
    "Content",
    "FinishReason",
    "InferenceConfig",
    "InferenceEvent",
    "InferenceRequest",
    "Logprobs",
    "Notice",
    "ProcessStart",
    "Progress",
    "Sampling",
    "Thought",
    "ThoughtPhase",
    "TokenLogprob",
    "ToolCallRequest",
    "Usage",
]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. Defaults follow the field's common local-model settings.

    ``grammar`` (GBNF, its rule ``root``) holds the answer to a form; ``logprobs`` asks for
    ``Logprobs`` events with so many alternatives per token. Both are for the embedded engine.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 40
    min_p: float = 0.0
    repetition_penalty: float = 1.1
    seed: int | None = None
    grammar: str | None = None
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an inference behaves apart from sampling. ``context_size`` and limits are in tokens.

    With ``json_schema`` (a JSON Schema object) the answer is one JSON value of that shape, from
    providers that can hold a model to it.
    """

    max_tokens: int | None = None
    context_size: int | None = None
    stop: tuple[str, ...] = ()
    show_thinking: bool = True
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Settings of one inference: behaviour and sampling, kept apart."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What a provider gets: its own model name (without the provider prefix) and the messages.

    ``session`` lets a provider keep state (a KV cache) between the turns of one conversation.
    """

    model: str
    messages: tuple[Message, ...]
    config: InferenceConfig = field(default_factory=InferenceConfig)
    tools: tuple[ToolSpec, ...] = ()
    session: str | None = None


class ThoughtPhase(StrEnum):
    """Where in a stretch of reasoning an event stands."""

    START = "start"
    DELTA = "delta"
    STOP = "stop"


class FinishReason(StrEnum):
    """Why an inference ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """The model has begun to work; ``model`` is the full name of the one that answers, if known."""

    model: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning that is not part of the answer; ``text`` only with ``phase`` delta."""

    phase: ThoughtPhase
    text: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was: the natural logarithm of its probability before sampling.

    ``top`` are the likeliest tokens with theirs, if asked for.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Logprobs:
    """How likely the next tokens of the answer were; only when asked for."""

    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class ToolCallRequest:
    """The model asks for one complete tool call."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of ``prompt`` (of which ``cached`` were not read anew) and ``completion``.

    ``attempts`` counts the requests that were made until this answer came, ``latency_ms`` is the
    time from the first of them to its end, waiting included; both are told by ``ChatModels``.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    attempts: int = 1
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Complete:
    """The inference is over."""

    reason: FinishReason = FinishReason.STOP


@dataclass(frozen=True, slots=True)
class Progress:
    """How far ``what`` (for people) has come, in bytes; ``total`` is 0 while unknown."""

    what: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know; nothing has failed. ``code`` is stable."""

    code: str
    message: str


InferenceEvent = (
    ProcessStart
    | Thought
    | Content
    | Logprobs
    | ToolCallRequest
    | Usage
    | Complete
    | Progress
    | Notice
)
