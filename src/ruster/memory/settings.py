"""Settings of the memory."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ruster.memory.documents.settings import DocumentSettings
from ruster.memory.embedding.settings import EmbeddingSettings
from ruster.memory.upkeep.settings import UpkeepSettings

__all__ = ["MemorySettings"]


class MemorySettings(BaseModel):
    """What is remembered beyond a conversation, and how it is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Whether turns are remembered, and what is remembered is brought to later ones."""
    brought: int = Field(default=6, ge=0, le=100)
    """Memories brought to a message at most; 0 for none."""
    brought_tokens: int = Field(default=400, ge=0, le=100_000)
    """Tokens that these may have together."""
    least_fit: float = Field(default=0.34, ge=0, le=1)
    """What is brought shares at least this part of the message's telling words, or is as near to it
    in meaning (cosine)."""
    bring_timeout_s: float = Field(default=1.0, gt=0, le=60)
    """A turn waits so many seconds for its memories, then does without."""
    learn: Literal["auto", "rules", "model", "off"] = "auto"
    """Who finds facts, preferences, decisions and promises in what the user says, after a turn:
    `rules` costs nothing and finds what is said plainly; `model` also asks the turn's model, for
    what the rules do not read and that may last; `auto` does so only with models of this machine
    (`llamacpp/`, `ollama/`) or with `learn_model`; `off` finds nothing."""
    learn_model: str = ""
    """The model that is asked instead of the turn's own, such as `llamacpp/default`; empty for
    none."""
    learn_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long a model may look for facts, in seconds; then the rules alone must do."""
    learn_tokens: int = Field(default=384, ge=32, le=4096)
    """Tokens that its answer may have."""
    max_open: int = Field(default=8, ge=1, le=256)
    """Memories of sessions and owners held open at once."""
    searched_sessions: int = Field(default=100, ge=1, le=10_000)
    """Sessions whose memories a search of everywhere looks into, those used last first."""
    max_waiting: int = Field(default=256, ge=1, le=100_000)
    """Turns that may wait to be kept; the oldest are left out beyond it, and the log says so."""
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    upkeep: UpkeepSettings = Field(default_factory=UpkeepSettings)
    documents: DocumentSettings = Field(default_factory=DocumentSettings)
