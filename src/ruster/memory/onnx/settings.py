"""Settings of the models of the ONNX runtime."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OnnxSettings"]


class OnnxSettings(BaseModel):
    """How a model of the ONNX runtime is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int | None = Field(default=None, ge=1, le=1024)
    """Compute threads; none means one per processor that this process may use."""
    max_tokens: int = Field(default=512, ge=16, le=32_768)
    """Tokens of a text that count; the rest is left out. A model made for less gets less."""
    batch_tokens: int = Field(default=256, ge=16, le=1 << 20)
    """Tokens computed in one step. A query waits for the step that runs, so larger steps make
    queries slower while many texts are taken in; they are hardly faster on a processor."""
