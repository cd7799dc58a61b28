"""Settings of the embedded engine, and the default number of compute threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NOT_INSTALLED", "EngineSettings", "LoraAdapter", "physical_cores"]

NOT_INSTALLED = (
    "the embedded engine is not installed: install it with `pip install 'ruster[llamacpp]'`"
)
_CPUS = Path("/sys/devices/system/cpu")


class LoraAdapter(BaseModel):
    """An adapter (LoRA) that changes a model: a GGUF file made for exactly this model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    """The adapter's file."""

    model: str
    """The model it is for: its path, or the end of it, with or without ``.gguf``."""

    scale: float = Field(default=1.0, ge=-100, le=100)
    """How strongly it acts; 0 switches it off."""

    def is_for(self, path: Path) -> bool:
        """Tell whether ``model`` names this file: all of its path, or its end."""
        name = str(Path(self.model).expanduser()).removesuffix(".gguf")
        return f"/{path.as_posix().removesuffix('.gguf')}".endswith(f"/{name.lstrip('/')}")


class EngineSettings(BaseModel):
    """How the engine loads and runs models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_size: int = Field(default=8192, ge=16, le=1 << 24)
    """Largest window in tokens; a model trained for less gets its own."""

    threads: int | None = Field(default=None, ge=1, le=1024)
    """Compute threads; none means as many as are fastest, measured when a model is loaded and again
    when steps become slow, at most one per physical core that this process may use."""

    n_gpu_layers: int = Field(default=-1, ge=-1)
    """Layers to keep on the GPU when llama.cpp was built for one; -1 means as many as fit."""

    batch_size: int = Field(default=512, ge=1, le=8192)
    """Tokens of a prompt that are decoded in one step."""

    prefill_chunk: int = Field(default=256, ge=1, le=8192)
    """Most tokens of prompts that one step carries while other answers are being written."""

    max_sequences: int = Field(default=8, ge=1, le=64)
    """Conversations that a model keeps in memory; as many answers are written at once."""

    kv_cells: int | None = Field(default=None, ge=16, le=1 << 24)
    """Tokens that all conversations of a model together keep in memory; none means one window."""

    memory_budget_bytes: int | None = Field(default=None, ge=1)
    """Memory that all loaded models together may take, by estimate; none means a large part of what
    is available when one is loaded. Models that nobody uses make room, then windows shrink."""

    unload: Literal["immediate", "hibernate", "keep_alive"] = "hibernate"
    """When a model that nobody uses gives its memory back: after each answer, after an idle time,
    or never. Its conversations are kept in the snapshot folder."""

    unload_after_s: float = Field(default=300.0, ge=0, le=1e9)
    """How long a model stays loaded that nobody uses, with `hibernate`."""

    snapshots: bool = True
    """Keep conversations on the disk that lose their place in memory, so that they are not read
    again. They go when their session is deleted."""

    snapshot_folder: Path | None = None
    """Where they are kept; none means `kv` in the cache folder."""

    snapshot_bytes: int = Field(default=2 << 30, ge=0)
    """How large that folder may grow; what was unused longest is deleted first."""

    embedding_dimensions: int = Field(default=384, ge=1, le=1 << 16)
    """Numbers of a vector at most: a longer one is cut and brought back to length 1, as models made
    for that (Matryoshka) allow. One number for all vectors that are kept together."""

    context_shift: bool = False
    """Whether an answer that reaches the end of the window goes on, forgetting the oldest half of
    the conversation except its system message; without it the answer ends there (``length``). Such
    an answer has at most four windows of tokens, or ``max_tokens``."""

    lora: tuple[LoraAdapter, ...] = Field(default=(), max_length=16)
    """Adapters, each a table ``[[engine.lora]]`` with ``path``, ``model`` and ``scale``; they are
    loaded with their model and act on all that it writes."""

    max_waiting: int = Field(default=256, ge=1)
    """Requests that may wait for their turn; more are refused with ``engine_busy``."""

    load_timeout_s: float = Field(default=600.0, gt=0)
    """How long a model may take to load before the engine's worker is ended."""

    step_timeout_s: float = Field(default=120.0, gt=0)
    """How long one step of the computation may take before the engine's worker is ended."""

    cancel_timeout_s: float = Field(default=10.0, gt=0)
    """How long a cancelled request may keep computing before the engine's worker is ended."""

    stop_timeout_s: float = Field(default=3.0, gt=0)
    """How long the engine's worker gets to end by itself."""

    isolation: Literal["process", "thread"] = "process"
    """Where native code, the engine's worker, runs. ``process``: in a child, so that its crash is
    one typed error and unloading gives all memory back; ``thread``: in the program's own process,
    where its crash is the program's end. A thread that hangs is given up and replaced, but cannot
    be ended: what it holds stays in use until it ends by itself."""


def physical_cores() -> int:
    """Count the physical cores this process may run on (hyper-threads of one core count once)."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, (os.cpu_count() or 2) // 2)
    cores = {_siblings(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, len(cores))


def _siblings(cpu: int) -> str:
    try:
        return (_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
