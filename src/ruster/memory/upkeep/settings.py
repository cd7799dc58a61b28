"""Settings of the memory's upkeep: when records move, when they go, how long one can undo."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["UpkeepSettings"]


class UpkeepSettings(BaseModel):
    """How records age."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promote_after_hours: float = Field(default=24.0, gt=0)
    """Age at which turns tagged `decision` become insights, and whole days of others are
    summarized."""
    aged_turns: Literal["summarize", "expire"] = "summarize"
    """What happens to turns of that age: each day is summarized, or they are only kept for
    `keep_turns_days`."""
    summaries: Literal["extract", "model"] = "extract"
    """Who writes the summaries: `extract` takes the most telling sentences; `model` asks a model in
    the background and sends it the texts, and takes the sentences where that fails."""
    summary_model: str = ""
    """The model that is asked, such as `llamacpp/default`; empty for `default_model`. It may be
    loaded for that."""
    summary_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long a model may take for a summary, in seconds."""
    summary_tokens: int = Field(default=256, ge=32, le=4096)
    """Tokens that a model's summary may have."""
    summary_read_tokens: int = Field(default=3000, ge=100, le=1_000_000)
    """Tokens that it is given to read for one; of longer days, the most telling sentences."""
    summary_day_tokens: int = Field(default=50_000, ge=0)
    """Tokens that summaries may take a day, reading and writing; beyond it no model is asked."""
    keep_turns_days: float = Field(default=30.0, ge=0)
    """How long turns are found, in days. When they are summarized, not before that has happened; 0
    lets them go with their summary."""
    unused_days: float = Field(default=90.0, gt=0)
    """Days after its last use at which an insight is summarized into `assets`."""
    undo_days: float = Field(default=30.0, ge=0)
    """Days for which a move can be undone. After them, what is out of sight is deleted."""
    log_days: float = Field(default=730.0, ge=30)
    """Days for which the log of moves is kept."""
    score_rule: bool = False
    """Also move by score: turns of 24 hours with a score of 0.8 and two uses become insights,
    insights of 90 days with 0.96 and five uses become assets."""
