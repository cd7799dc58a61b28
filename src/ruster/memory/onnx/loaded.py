"""A loaded model and what it can compute; the model's own thread only.

With ``coder`` and ``graph`` this is all that needs the libraries of the extra ``onnx``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruster.core.errors import MemoryError
from ruster.memory.onnx.coder import Coder
from ruster.memory.onnx.folder import OnnxFolder, Pooling
from ruster.memory.onnx.graph import Array, Graph
from ruster.memory.onnx.stop import Stop
from ruster.memory.onnx.tokens import Tokens

__all__ = ["Loaded"]

_TOKENS, _WHOLE = 3, 2
"""Axes of an output with a state per token, and of one with a state per row."""


class Loaded:
    """The tokenizer and the graph of one folder."""

    def __init__(self, folder: OnnxFolder, max_tokens: int, threads: int) -> None:
        """Load both (blocks); raises MemoryError (``onnx_invalid``)."""
        most = min(max_tokens, folder.max_tokens or max_tokens)
        self.coder = Coder(folder.tokenizer, most)
        self._graph = Graph(folder.model, threads)

    def vectors(
        self, rows: Sequence[Tokens], pooling: Pooling, dimensions: int, stop: Stop
    ) -> list[list[float]]:
        """Return the first ``dimensions`` numbers of the vector of each row, of any length."""
        states = self._graph.run(rows, stop)
        if states.ndim == _TOKENS:
            states = _pooled(states, [len(row) for row in rows], pooling)
        _expect(states, _WHOLE, len(rows), "vectors")
        found: list[list[float]] = states[:, :dimensions].tolist()
        return found

    def choices(
        self, rows: Sequence[Tokens], tokens: Sequence[int] | None, stop: Stop
    ) -> list[list[float]]:
        """Return how the model rates each row: one number, or one for each of ``tokens``.

        The numbers are logits. A model with one number a row needs no ``tokens``.
        """
        logits = self._graph.run(rows, stop)
        if logits.ndim == _TOKENS:
            logits = _pooled(logits, [len(row) for row in rows], "last")
        _expect(logits, _WHOLE, len(rows), "ratings")
        if logits.shape[1] == 1:
            chosen = logits
        elif tokens is not None and max(tokens) < logits.shape[1]:
            chosen = logits[:, list(tokens)]
        else:
            raise MemoryError(
                f"the ONNX model gives {logits.shape[1]} ratings a text, where one is needed",
                code="onnx_invalid",
            )
        found: list[list[float]] = chosen.tolist()
        return found


def _pooled(states: Array, lengths: Sequence[int], pooling: Pooling) -> Array:
    rows = np.arange(len(lengths))
    if pooling == "first" or states.shape[1] == 1:
        return states[:, 0]
    if pooling == "last":
        last: Array = states[rows, np.asarray(lengths) - 1]
        return last
    mask = np.arange(states.shape[1])[None, :] < np.asarray(lengths)[:, None]
    total: Array = np.einsum("rtd,rt->rd", states, mask.astype(np.float32))
    return total / np.asarray(lengths, dtype=np.float32)[:, None]


def _expect(found: Array, axes: int, rows: int, what: str) -> None:
    if found.ndim != axes or found.shape[0] != rows:
        raise MemoryError(
            f"the ONNX model gives no {what}: its output has the shape {found.shape}",
            code="onnx_invalid",
        )
