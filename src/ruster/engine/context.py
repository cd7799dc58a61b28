"""A llama.cpp context: the KV cells and the decode step; compute thread only."""

from __future__ import annotations

import ctypes
import time
from enum import Enum
from typing import Any

import numpy as np

from ruster.core.errors import ModelError
from ruster.engine.batch import Batch
from ruster.engine.model import LoadedModel
from ruster.engine.native import CancelFlag, abort_callback, lib
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.threads import ThreadCounts, ThreadTuner

__all__ = ["Context", "Decoded"]


class Decoded(Enum):
    """How a step ended: done, no cell free (nothing was done), or ended by the flag."""

    DONE = 0
    FULL = 1
    ABORTED = 2


class Context:
    """One context of a model: ``cells`` for tokens, for text or (``pooled``) for vectors or scores.

    Its ``sequences`` share the cells, so that copying a prefix from one to another costs nothing.
    Raises ModelError (``out_of_memory``) when llama.cpp cannot make it.
    """

    def __init__(
        self,
        model: LoadedModel,
        cells: int,
        settings: EngineSettings,
        cancel: CancelFlag,
        *,
        sequences: int = 1,
        pooled: bool = False,
    ) -> None:
        threads = settings.threads or physical_cores()
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = max(min(settings.batch_size, cells), sequences)
        params.n_seq_max = sequences
        params.kv_unified = True
        if pooled:
            params.n_batch = params.n_ubatch = cells  # a text is read in one step
            params.embeddings = True
            if model.pooling in (None, lib.LLAMA_POOLING_TYPE_NONE):
                params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
        else:
            params.n_outputs_max = sequences  # one logit row each, not one per prompt token
        params.n_threads = params.n_threads_batch = threads
        params.abort_callback = abort_callback
        params.abort_callback_data = cancel.address
        params.no_perf = True
        self._handle = lib.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise ModelError(
                f"there is not enough memory for a window of {cells} tokens; "
                "choose a smaller context_size or model",
                code="out_of_memory",
            )
        model.adapters.apply(self._handle)
        self._memory = lib.llama_get_memory(self._handle)
        self.cells = cells
        self.sequences = sequences
        self.batch = Batch(int(params.n_batch))
        self.can_copy = bool(self._memory) and not model.is_recurrent
        self.can_shift = bool(self._memory and lib.llama_memory_can_shift(self._memory))
        self._dimensions = 1 if model.reranks else model.dimensions
        self._vocab_size = model.vocab_size
        self._tuner: ThreadTuner | None = None

    def close(self) -> None:
        """Free the cells."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle = None

    @property
    def handle(self) -> Any:
        """The native context, for samplers."""
        return self._handle

    def set_threads(self, counts: ThreadCounts) -> None:
        """Set how many threads compute the next steps."""
        lib.llama_set_n_threads(self._handle, counts.decode, counts.batch)

    def tune(self, tuner: ThreadTuner) -> None:
        """Let a tuner watch the steps and set the threads."""
        self._tuner = tuner
        tuner.drive(self.set_threads)

    def decode(self) -> Decoded:
        """Decode the batch; raises ModelError (``decode_failed``).

        After anything but ``DONE`` the caller drops what a step may have left half done.
        """
        run = lib.llama_decode if self._memory else lib.llama_encode
        started = time.monotonic()
        result = run(self._handle, self.batch.native)
        if result == 0 and self._tuner is not None:
            self._tuner.note(self.batch.size, time.monotonic() - started)
        if 0 <= result <= 2:
            return Decoded(result)
        raise ModelError(f"llama.cpp failed to decode (code {result})", code="decode_failed")

    def keep(self, count: int, sequence: int = 0) -> bool:
        """Drop a sequence's cells from position ``count`` on; False when the model refuses."""
        if not self._memory:
            return count == 0
        return bool(lib.llama_memory_seq_rm(self._memory, sequence, count, -1))

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let a sequence share another's cells of positions ``start`` to ``end``."""
        lib.llama_memory_seq_cp(self._memory, source, target, start, end)

    def shift(self, sequence: int, start: int, end: int) -> None:
        """Drop a sequence's cells of positions ``start`` to ``end`` and move the later ones up.

        The next decode does the moving; until then the sequence must not be saved. A cell that
        another sequence shares would move for both.
        """
        lib.llama_memory_seq_rm(self._memory, sequence, start, end)
        lib.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)

    def save(self, sequence: int) -> bytearray:
        """Copy a sequence's cells out, in llama.cpp's own form; empty when that fails."""
        size = lib.llama_state_seq_get_size(self._handle, sequence)
        state = bytearray(size)
        buffer = (ctypes.c_uint8 * size).from_buffer(state)
        done = lib.llama_state_seq_get_data(self._handle, buffer, size, sequence)
        return state if done == size else bytearray()

    def restore(self, sequence: int, state: bytearray) -> bool:
        """Fill an empty sequence with saved cells; False when they do not fit this context."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        return bool(lib.llama_state_seq_set_data(self._handle, buffer, len(state), sequence))

    def clear(self) -> None:
        """Drop all cells."""
        if self._memory:
            lib.llama_memory_clear(self._memory, True)

    def logits(self, index: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Copy the logits of the batch's token ``index``, which must have asked for output."""
        pointer = lib.llama_get_logits_ith(self._handle, index)
        return np.ctypeslib.as_array(pointer, shape=(self._vocab_size,)).copy()

    def likeliest(self, index: int) -> int:
        """Return the token with the largest logit after the batch's token ``index``."""
        pointer = lib.llama_get_logits_ith(self._handle, index)
        return int(np.ctypeslib.as_array(pointer, shape=(self._vocab_size,)).argmax())

    def embedding(self, sequence: int = 0) -> list[float]:
        """Copy the pooled embedding, or of a reranking model the score, of a sequence."""
        pointer = lib.llama_get_embeddings_seq(self._handle, sequence)
        if not pointer:
            raise ModelError("the model gives no pooled embedding", code="not_an_embedder")
        floats = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float))
        return floats[: self._dimensions]
