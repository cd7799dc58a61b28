"""The vocabulary of the memory: what is kept, how it is found, what makes vectors of texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from ruster.core.messages import Message
from ruster.core.tools import TurnScope

__all__ = [
    "DIMENSIONS",
    "Brought",
    "Embedder",
    "Fact",
    "Forgotten",
    "Hit",
    "Kept",
    "KeptAs",
    "Layer",
    "LogEntry",
    "Record",
    "Reranker",
    "Scores",
    "Summarizer",
    "TextKind",
    "TurnMemory",
]

DIMENSIONS = 384
"""Numbers of a vector in the memory; longer ones are cut and brought back to length 1."""

TextKind = Literal["query", "document"]
"""Which side of a search a text is on; many models want to be told."""


class Embedder(Protocol):
    """Makes vectors of ``DIMENSIONS`` numbers and length 1; near ones mean alike."""

    @property
    def id(self) -> str:
        """Name the generation: provider, model and dimensions. Vectors compare within one only."""
        ...

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text, in order; a text that is too long counts by its beginning.

        Raises MemoryError (``embedder_failed``, ``onnx_missing``, ``onnx_invalid``).
        """
        ...


class Reranker(Protocol):
    """Rates texts, more exactly and more slowly than vectors do."""

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, in order: the higher, the better it answers the query.

        The scale is the model's own. Raises MemoryError (``reranker_failed``, ``onnx_missing``,
        ``onnx_invalid``).
        """
        ...


class Summarizer(Protocol):
    """Makes one short text of many."""

    async def summarize(self, texts: Sequence[str]) -> str:
        """Return what of the texts is worth keeping; raises errors of the tree."""
        ...


class Layer(StrEnum):
    """How far from the moment something is kept."""

    INTERACT = "interact"
    """What was said and done, for a while."""
    INSIGHTS = "insights"
    """Facts, preferences, decisions, summaries of days."""
    ASSETS = "assets"
    """Documents, and what insights became that were not used for long."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that is remembered. Times are in seconds since the epoch.

    ``ts`` is when it was said; None means now. ``id`` is made when it is empty. ``embedding`` may
    bring a vector of the present embedder along for a text of one chunk. ``source`` names the turn
    or document it comes from, ``origins`` whose words it may hold beside the user's own. ``slot``
    names what the text gives the value of, such as ``user.city``: a later record with the same slot
    supersedes it. ``score`` is how much it matters, 0 to 1. After ``expires`` it goes; it is true
    from ``valid_from`` until ``valid_to``. ``metadata`` is JSON text of the caller's own.
    ``last_used``, ``uses`` and ``superseded_by`` are the store's.
    """

    text: str
    layer: Layer = Layer.INTERACT
    kind: str = "note"
    tags: tuple[str, ...] = ()
    project: str = ""
    session: str = ""
    speaker: str = ""
    ts: float | None = None
    id: str = ""
    embedding: Sequence[float] | None = None
    source: str = ""
    origins: tuple[str, ...] = ()
    pinned: bool = False
    score: float = 0.5
    slot: str = ""
    valid_from: float | None = None
    valid_to: float | None = None
    expires: float | None = None
    metadata: str = ""
    last_used: float | None = None
    uses: int = 0
    superseded_by: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """Why something was found; the total is the sum.

    ``lexical`` is BM25 as a part of the best one, ``vector`` the cosine, weighed; ``sitting`` is
    for the best words that were said in the same sitting; ``length`` takes from long texts, the
    others are small. ``rerank`` replaces the sum where a reranker was asked.
    """

    lexical: float = 0.0
    vector: float = 0.0
    sitting: float = 0.0
    length: float = 0.0
    layer: float = 0.0
    age: float = 0.0
    date: float = 0.0
    pinned: float = 0.0
    rerank: float | None = None

    @property
    def total(self) -> float:
        """What hits are ordered by."""
        if self.rerank is not None:
            return self.rerank
        fit = self.lexical + self.vector + self.sitting + self.length
        return fit + self.layer + self.age + self.date + self.pinned


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: the whole record, and the passage of it that fits best."""

    record: Record
    passage: str
    scores: Scores

    @property
    def score(self) -> float:
        """What hits are ordered by."""
        return self.scores.total


class KeptAs(StrEnum):
    """What became of a fact that was to be kept."""

    NEW = "new"
    MERGED = "merged"
    """It was known already."""
    SUPERSEDED = "superseded"
    """It took the place of what was known."""
    BESIDE = "beside"
    """It contradicts what the user said, but may be somebody else's words: both stay."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact that was kept: the id it has now, and the ids it took the place of."""

    id: str
    how: KeptAs
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted for good: ids, and how many rows held it."""

    ids: tuple[str, ...]
    summaries: tuple[str, ...]
    chunks: int
    vectors: int
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A value by its name; ``until`` is when it was replaced or deleted, None for the present."""

    key: str
    value: str
    since: float
    until: float | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One move of one record: what was done to it, by which rule.

    Entries with the same ``batch`` were one step, which is undone as a whole. ``made`` is the
    record that came of it. Layers are None where the record has none on that side.
    """

    number: int
    ts: float
    batch: int
    action: str
    rule: str
    id: str
    from_layer: Layer | None
    to_layer: Layer | None
    made: str = ""
    undone: float | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What the memory brings to a message: its part of the prompt, and what that was made of."""

    prompt: str = ""
    hits: tuple[Hit, ...] = ()
    failure: str | None = None

    @property
    def origins(self) -> tuple[str, ...]:
        """Return whose words the prompt may hold beside the user's own."""
        return tuple(sorted({it for hit in self.hits for it in hit.record.origins}))


class TurnMemory(Protocol):
    """What a turn needs of the memory."""

    async def bring(self, scope: TurnScope, message: str, visible: Collection[str] = ()) -> Brought:
        """Find what fits a message, but for texts that are ``visible`` to the model anyway.

        Never raises but when cancelled: on any failure it brings less.
        """
        ...

    def keep(self, scope: TurnScope, model: str, messages: Sequence[Message]) -> None:
        """Keep what was said and done in a turn that has ended, answered by ``model``.

        It is done in the background; what waits is bounded.
        """
        ...
