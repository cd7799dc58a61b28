"""A llama.cpp context: the KV cells and the decode step; child process only."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ruster.core.errors import ModelError
from ruster.engine.batch import Batch
from ruster.engine.model import LoadedModel
from ruster.engine.native import CancelFlag, abort_callback, lib
from ruster.engine.settings import EngineSettings, physical_cores

__all__ = ["Context"]

_KV_FULL, _ABORTED = 1, 2


class Context:
    """One context of a model, of ``window`` tokens, for text or (``embeddings``) for vectors.

    Raises ModelError (``out_of_memory``) when llama.cpp cannot make it.
    """

    def __init__(
        self,
        model: LoadedModel,
        window: int,
        settings: EngineSettings,
        cancel: CancelFlag,
        *,
        embeddings: bool = False,
    ) -> None:
        threads = settings.threads or physical_cores()
        params = lib.llama_context_default_params()
        params.n_ctx = window
        params.n_batch = min(settings.batch_size, window)
        if embeddings:
            params.n_batch = params.n_ubatch = window  # a text is read in one step
            params.embeddings = True
            if not model.embeds_only:
                params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.abort_callback = abort_callback
        params.abort_callback_data = cancel.address
        params.no_perf = True
        self._cancel = cancel
        self._handle = lib.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise ModelError(
                f"there is not enough memory for a window of {window} tokens; "
                "choose a smaller context_size or model",
                code="out_of_memory",
            )
        self._memory = lib.llama_get_memory(self._handle)
        self.window = window
        self.batch = Batch(int(params.n_batch))
        self._dimensions = model.dimensions
        self._vocab_size = model.vocab_size

    def close(self) -> None:
        """Free the cells."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle = None

    @property
    def handle(self) -> Any:
        """The native context, for samplers."""
        return self._handle

    def decode(self) -> None:
        """Decode the batch.

        Raises ModelError: ``cancelled`` when the flag was set meanwhile, ``context_overflow`` when
        no cell is free, ``decode_failed`` for anything else.
        """
        run = lib.llama_decode if self._memory else lib.llama_encode
        result = run(self._handle, self.batch.native)
        if result == 0 and not self._cancel.is_set():
            return
        if self._cancel.is_set() or result == _ABORTED:
            raise ModelError("the request was cancelled", code="cancelled")
        if result == _KV_FULL:
            raise ModelError("the model's window is full", code="context_overflow")
        raise ModelError(f"llama.cpp failed to decode (code {result})", code="decode_failed")

    def keep(self, count: int, sequence: int = 0) -> bool:
        """Drop a sequence's cells from position ``count`` on; False when the model refuses."""
        if not self._memory:
            return count == 0
        return bool(lib.llama_memory_seq_rm(self._memory, sequence, count, -1))

    def clear(self) -> None:
        """Drop all cells."""
        if self._memory:
            lib.llama_memory_clear(self._memory, True)

    def logits(self, index: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Copy the logits of the batch's token ``index``, which must have asked for output."""
        pointer = lib.llama_get_logits_ith(self._handle, index)
        return np.ctypeslib.as_array(pointer, shape=(self._vocab_size,)).copy()

    def embedding(self, sequence: int = 0) -> list[float]:
        """Copy the pooled embedding of a sequence."""
        pointer = lib.llama_get_embeddings_seq(self._handle, sequence)
        if not pointer:
            raise ModelError("the model gives no pooled embedding", code="not_an_embedder")
        floats = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float))
        return floats[: self._dimensions]
