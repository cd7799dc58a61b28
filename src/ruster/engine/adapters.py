"""LoRA adapters: small files that change how a model writes; compute thread only."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruster.core.errors import ModelError
from ruster.engine.gguf import read_head
from ruster.engine.native import lib
from ruster.engine.settings import LoraAdapter
from ruster.engine.snapshots import model_key

__all__ = ["Adapters"]


class Adapters:
    """The adapters of one loaded model; they are freed with it.

    Raises ModelError (``adapter_unusable``) for a file that is missing, damaged, or made for
    another model: an answer without the adapter would not be what was asked for.
    """

    def __init__(self, model: Any, path: Path, settings: Sequence[LoraAdapter]) -> None:
        self._wanted = [wanted for wanted in settings if wanted.is_for(path)]
        self._handles = [_load(model, path, wanted.path.expanduser()) for wanted in self._wanted]

    def keys(self) -> list[str]:
        """Return what tells these adapters, at these scales, from others (for snapshots)."""
        return [
            model_key(wanted.path.expanduser(), {"scale": wanted.scale}) for wanted in self._wanted
        ]

    def apply(self, context: Any) -> None:
        """Let them act in a context of the model."""
        count = len(self._handles)
        if not count:
            return
        handles = (lib.llama_adapter_lora_p_ctypes * count)(*self._handles)
        scales = (ctypes.c_float * count)(*(wanted.scale for wanted in self._wanted))
        if lib.llama_set_adapters_lora(context, handles, count, scales) != 0:
            raise ModelError("llama.cpp refused the adapters", code="adapter_unusable")


def _load(model: Any, path: Path, adapter: Path) -> Any:
    try:
        read_head(adapter)
    except ModelError as error:
        raise _unusable(adapter, path, error.message) from error
    handle = lib.llama_adapter_lora_init(model, str(adapter).encode())
    if not handle:
        raise _unusable(adapter, path, "it is damaged, or was made for another model")
    if lib.llama_adapter_get_alora_n_invocation_tokens(handle):
        raise _unusable(adapter, path, "it wants to be switched on by certain words (aLoRA)")
    return handle


def _unusable(adapter: Path, path: Path, why: str) -> ModelError:
    return ModelError(
        f"the adapter {adapter} cannot be used with {path.name}: {why}; "
        "change or remove it in the settings (engine.lora)",
        code="adapter_unusable",
    )
