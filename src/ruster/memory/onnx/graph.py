"""One model in the ONNX runtime: token rows in, an array of numbers out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from ruster.core.errors import MemoryError
from ruster.memory.onnx.stop import Stop
from ruster.memory.onnx.tokens import Tokens

__all__ = ["Array", "Graph"]

Array = npt.NDArray[np.float32]
_PAST = re.compile(r"past_key_values\.|past\.")
_ROWS = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids"})
_KEPT = frozenset({"num_logits_to_keep", "logits_to_keep"})
_OUTPUTS = ("sentence_embedding", "last_hidden_state", "token_embeddings", "logits")
_TYPES: dict[str, npt.DTypeLike] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
}
_ERRORS_ONLY = 3


class Graph:
    """A loaded model. Rows are padded at their ends, which every kind of model can mask."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the file (blocks); raises MemoryError (``onnx_invalid``)."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        options.enable_cpu_mem_arena = False  # as fast, and what a large step took comes back
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise _invalid(path, str(error)) from error
        self._inputs = {it.name: it for it in self._session.get_inputs()}
        unknown = [it.name for it in self._inputs.values() if not _can_be_fed(it)]
        if "input_ids" not in self._inputs or unknown:
            raise _invalid(path, f"it wants {', '.join(unknown or self._inputs)}")
        outputs = [it.name for it in self._session.get_outputs()]
        self._output = next((name for name in _OUTPUTS if name in outputs), outputs[0])

    def run(self, rows: Sequence[Tokens], stop: Stop) -> Array:
        """Return the model's main output; its first axis are the rows.

        Raises MemoryError (``onnx_invalid``) when the model fails, and what ``stop`` does.
        """
        fed = self._feed(rows)
        run_options = ort.RunOptions()
        with stop.ends(run_options):
            try:
                found = self._session.run([self._output], fed, run_options)[0]
            except Exception as error:
                stop.check()
                raise MemoryError(
                    f"the ONNX model failed: {_first_line(error)}", code="onnx_invalid"
                ) from error
        return np.asarray(found, dtype=np.float32)

    def _feed(self, rows: Sequence[Tokens]) -> dict[str, npt.NDArray[Any]]:
        width = max(map(len, rows))
        known: dict[str, npt.NDArray[Any]] = {
            "input_ids": _padded([row.ids for row in rows], width),
            "attention_mask": _padded([[1] * len(row) for row in rows], width),
            "token_type_ids": _padded([row.types for row in rows], width),
            "position_ids": np.tile(np.arange(width), (len(rows), 1)),
        }
        return {
            name: known[name].astype(_TYPES[it.type])
            if name in known
            else self._nothing(it, len(rows))
            for name, it in self._inputs.items()
        }

    def _nothing(self, wanted: Any, rows: int) -> npt.NDArray[Any]:
        """Make what a model that could also write wants to know beside the rows."""
        kind = _TYPES[wanted.type]
        if _PAST.match(wanted.name):  # nothing came before
            _, heads, _, width = wanted.shape
            return np.zeros([rows, heads, 0, width], kind)
        last_only = wanted.name in _KEPT and rows == 1
        return np.full([1] * len(wanted.shape), last_only, kind)


def _can_be_fed(wanted: Any) -> bool:
    if wanted.type not in _TYPES:
        return False
    if _PAST.match(wanted.name):
        return len(wanted.shape) == 4 and all(isinstance(wanted.shape[at], int) for at in (1, 3))
    return wanted.name in _ROWS | _KEPT or wanted.type == "tensor(bool)"


def _padded(rows: Sequence[Sequence[int]], width: int) -> npt.NDArray[np.int64]:
    found = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        found[at, : len(row)] = row
    return found


def _invalid(path: Path, why: str) -> MemoryError:
    return MemoryError(f"{path} is no model we can run: {why}", code="onnx_invalid")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
