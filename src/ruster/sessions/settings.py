"""Settings of sessions."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SessionSettings"]


class SessionSettings(BaseModel):
    """How sessions are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_queued: int = Field(default=64, ge=1)
    """Messages that may wait in one session."""
    max_message_bytes: int = Field(default=512 * 1024, ge=1024)
    """Longest message, in bytes of UTF-8."""
    max_per_owner: int = Field(default=1000, ge=1)
    """Sessions one user may have."""
    max_loaded: int = Field(default=128, ge=1)
    """Sessions kept open in memory; idle ones beyond it are closed, the least used first."""
    replay_max_age_s: float = Field(default=600, ge=0)
    """After a crash, accepted messages younger than this are answered; older ones are marked."""
    window_turns: int = Field(default=512, ge=1)
    """Turns kept in memory for the model's context; the history on the disk keeps all."""
    window_bytes: int = Field(default=4 << 20, ge=4096)
    """Bytes of conversation kept in memory for the model's context."""
    recent_events_bytes: int = Field(default=128 * 1024, ge=4096)
    """Bytes of recent events kept in memory for clients that attach again."""
    event_file_bytes: int = Field(default=8 << 20, ge=64 * 1024)
    """Size at which the file of events is put aside; one older file is kept."""
    question_timeout_s: float = Field(default=300, gt=0, le=3600)
    """How long a turn waits for the answer to a question it asked, in seconds."""
    cancel_patience_s: float = Field(default=0.9, gt=0)
    """A cancelled turn that has not ended after this many seconds is left behind."""
    sync: bool = True
    """Wait for the disk before anything is acknowledged. Off, a power cut may lose messages."""
