"""Settings of the model store."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ModelStoreSettings"]


class ModelStoreSettings(BaseModel):
    """How models are chosen and downloaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    default_model: str = Field(default="Qwen/Qwen2.5-1.5B-Instruct", min_length=1)
    """What `llamacpp/default` means while there is no model here: it is downloaded (about 1 GB)."""

    quantization: str = Field(default="Q4_K_M", min_length=1)
    """The quantization taken when none is asked for and the repository has it."""

    quantization_required: bool = False
    """Whether a model that does not come in `quantization` is refused, instead of taking another of
    its files. A name that says which file or quantization it means gets that."""

    parallel_downloads: int = Field(default=2, ge=1, le=16)
    """Models that are downloaded at the same time; more wait for their turn."""

    reserve_bytes: int = Field(default=512 * 1024 * 1024, ge=0)
    """Space that a download must leave free on the disk."""

    connect_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a connection to the hub."""

    read_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds of silence allowed in the middle of a download."""

    retries: int = Field(default=5, ge=0, le=100)
    """How often a download that brings nothing new is tried again before it fails."""

    retry_wait_s: float = Field(default=1.0, ge=0)
    """Seconds before the first such try; each further one waits twice as long, up to a minute."""
