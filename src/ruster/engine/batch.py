"""A decode batch over numpy memory: tokens of any sequences, with positions and wanted outputs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ruster.engine.native import lib

__all__ = ["Batch"]


class Batch:
    """What one decode step carries, at most ``capacity`` tokens.

    llama.cpp aborts the process when a batch is larger than the context's ``n_batch``: ``add`` and
    ``add_all`` raise ValueError instead.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._token = np.zeros(capacity, np.int32)
        self._position = np.zeros(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._output = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        # llama.cpp wants a list of sequences per token; ours has one each, so point into the array.
        start, width = self._sequence.ctypes.data, self._sequence.itemsize
        self._pointers = start + width * np.arange(capacity, dtype=np.uint64)
        self.native = self._native()
        self.size = 0

    def _native(self) -> Any:
        int32 = ctypes.POINTER(ctypes.c_int32)
        batch = lib.llama_batch()
        batch.n_tokens = 0
        batch.token = self._token.ctypes.data_as(int32)
        batch.embd = None
        batch.pos = self._position.ctypes.data_as(int32)
        batch.n_seq_id = self._ones.ctypes.data_as(int32)
        batch.seq_id = self._pointers.ctypes.data_as(ctypes.POINTER(int32))
        batch.logits = self._output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        return batch

    def clear(self) -> None:
        """Forget all tokens."""
        self.size = 0
        self.native.n_tokens = 0

    def add(self, token: int, position: int, sequence: int, *, output: bool) -> int:
        """Add one token and return its index, by which its logits are found."""
        index = self.size
        if index >= self.capacity:
            raise ValueError("the batch is full")
        self._token[index] = token
        self._position[index] = position
        self._sequence[index] = sequence
        self._output[index] = output
        self.size = self.native.n_tokens = index + 1
        return index

    def add_all(self, tokens: Sequence[int], start: int, sequence: int, *, output: bool) -> int:
        """Add neighbouring tokens from position ``start``; ``output`` asks for the last one's."""
        index, count = self.size, len(tokens)
        end = index + count
        if end > self.capacity or not count:
            raise ValueError(f"{count} tokens do not fit the batch")
        self._token[index:end] = tokens
        self._position[index:end] = np.arange(start, start + count)
        self._sequence[index:end] = sequence
        self._output[index:end] = 0
        self._output[end - 1] = output
        self.size = self.native.n_tokens = end
        return end - 1

    def want_all(self) -> None:
        """Ask for every token's output (embeddings)."""
        self._output[: self.size] = 1
