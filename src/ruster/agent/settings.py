"""Settings of a turn."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AgentSettings"]


class AgentSettings(BaseModel):
    """How the agent answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system_prompt: str = Field(default="", max_length=65536)
    """Replaces the built-in system prompt when not empty."""
    max_rounds: int = Field(default=10, ge=1, le=100)
    """Model steps one turn may take."""
    max_answer_bytes: int = Field(default=1 << 20, ge=1024)
    """Bytes of answer and thought one turn may produce before it is ended."""
    max_repeats: int = Field(default=4, ge=2, le=100)
    """The same tool call with the same result ends a turn when it comes for this many times."""
    turn_tokens: int = Field(default=500_000, ge=0)
    """Tokens that one turn may take with all its steps, prompts included; 0 is no limit."""
    day_tokens: int = Field(default=0, ge=0)
    """Tokens that all turns of a day may take together; 0 is no limit."""
    compact: bool = True
    """Have the model sum up the oldest turns when a conversation outgrows its window; else they are
    left out."""
    reserve_tokens: int = Field(default=1024, ge=0)
    """Part of the model's window kept free for the answer, in tokens."""
    default_window_tokens: int = Field(default=8192, ge=512)
    """Window assumed for a model that does not tell its own, in tokens."""
    temperature: float = Field(default=0.7, ge=0, le=2)
    """Sampling temperature; 0 always takes the likeliest token."""
    top_p: float = Field(default=0.9, gt=0, le=1)
    """Sample from the likeliest tokens that together hold this much probability."""
    top_k: int = Field(default=40, ge=0)
    """Sample from this many likeliest tokens; 0 means all."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    """Leave out tokens less likely than this share of the likeliest."""
    repetition_penalty: float = Field(default=1.1, ge=0.5, le=2)
    """Above 1, tokens already used become less likely."""
    seed: int | None = None
    """Makes sampling repeatable where the provider can."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest answer of one model step, in tokens."""
    show_thinking: bool = True
    """Whether reasoning is sent to clients as `thought` events."""
