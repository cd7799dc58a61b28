"""The settings of script skills."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ScriptSettings"]


class ScriptSettings(BaseModel):
    """What a script may use, and how many processes wait for scripts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_source_bytes: int = Field(default=128 * 1024, gt=0)
    """Longest source."""
    max_memory_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    """Memory for what a script holds."""
    max_cpu_s: float = Field(default=2.0, gt=0)
    """Seconds of computing; waiting for the web does not count."""
    max_wall_s: float = Field(default=60.0, gt=0)
    """Seconds for a whole run, with all waiting."""
    max_depth: int = Field(default=32, ge=4, le=200)
    """How deeply functions may call each other."""
    max_requests: int = Field(default=8, ge=0)
    """Requests to the web in one run."""
    max_result_chars: int = Field(default=128 * 1024, gt=0)
    """Longest result."""
    processes: int = Field(default=2, ge=1, le=16)
    """How many scripts may run at once."""
    runs_per_process: int = Field(default=200, ge=1)
    """After this many runs a process is replaced."""
    idle_s: float = Field(default=300.0, gt=0)
    """Seconds after which a process that nobody used ends."""
