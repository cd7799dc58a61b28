"""An embedder over a model of the ONNX runtime, such as Qwen3-Embedding and MiniLM."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ruster.core.memory import DIMENSIONS, TextKind
from ruster.memory.embedding.fitting import fitted, valid
from ruster.memory.embedding.prefixes import prefixes_for, told_prefixes
from ruster.memory.onnx.batches import batches
from ruster.memory.onnx.folder import Pooling
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.stop import Stop
from ruster.memory.onnx.tokens import Tokens

if TYPE_CHECKING:
    from ruster.memory.onnx.loaded import Loaded

__all__ = ["OnnxEmbedder"]

_TEXTS_AT_ONCE = 64


class OnnxEmbedder:
    """Makes vectors with a model of this process. Fulfils ``core.memory.Embedder``.

    Texts go through the model in steps, between which other callers have their turn.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        told = model.folder.prompts
        self._prefixes = prefixes_for(model.folder.name) if not told else told_prefixes(told)

    @property
    def id(self) -> str:
        """The generation of the vectors."""
        folder = self._model.folder
        return f"onnx/{folder.name}-{folder.key}:{DIMENSIONS}"

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text; see ``core.memory.Embedder``."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = texts[start : start + _TEXTS_AT_ONCE]
            asked = [self._prefixes.before(kind, valid(text)) for text in part]
            vectors += await self._embed(asked)
        return vectors

    async def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        pooling, most = self._model.folder.pooling, self._model.settings.batch_tokens
        rows, found = await self._model.step(partial(_begin, texts, pooling, most))
        if found is not None:
            return fitted(found, len(texts), self.id)
        vectors: list[list[float]] = [[] for _ in rows]
        for group in batches([len(row) for row in rows], most):
            chosen = [rows[at] for at in group]
            found = await self._model.step(partial(_vectors, chosen, pooling))
            for at, vector in zip(group, fitted(found, len(group), self.id), strict=True):
                vectors[at] = vector
        return vectors


def _begin(
    texts: Sequence[str], pooling: Pooling, most: int, loaded: Loaded, stop: Stop
) -> tuple[list[Tokens], list[list[float]] | None]:
    """Return the rows of all texts; and their vectors, if they are few enough for one step."""
    rows = []
    for text in texts:
        stop.check()
        rows.append(loaded.coder.text(text, ends=pooling == "last"))
    fits = max(map(len, rows)) * len(rows) <= most
    return rows, _vectors(rows, pooling, loaded, stop) if fits else None


def _vectors(
    rows: Sequence[Tokens], pooling: Pooling, loaded: Loaded, stop: Stop
) -> list[list[float]]:
    return loaded.vectors(rows, pooling, DIMENSIONS, stop)
