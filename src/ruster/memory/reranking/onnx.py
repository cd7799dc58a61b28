"""A reranker over a model of the ONNX runtime: Qwen3-Reranker, or a plain cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ruster.memory.onnx.batches import batches
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.stop import Stop
from ruster.memory.onnx.tokens import Tokens
from ruster.memory.reranking.judging import answers, asks_in_words, question
from ruster.memory.reranking.scores import checked, probability

if TYPE_CHECKING:
    from ruster.memory.onnx.loaded import Loaded

__all__ = ["OnnxReranker"]

_ALONE = 1
"""Tokens a step of models that are asked in words: so few that each row has a step of its own."""


class OnnxReranker:
    """Rates with a model of this process. Fulfils ``core.memory.Reranker``.

    A score is the probability that the document answers the query. Models that are asked in words
    tell a number for every token they know, so they read one document at a time.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._model = model

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document; see ``core.memory.Reranker``."""
        if not documents:
            return []
        in_words, rows = await self._model.step(partial(_rows, query, documents))
        most = _ALONE if in_words else self._model.settings.batch_tokens
        scores = [0.0] * len(rows)
        for group in batches([len(row) for row in rows], most):
            chosen = [rows[at] for at in group]
            rated = await self._model.step(partial(_rate, chosen, in_words))
            for at, logits in zip(group, rated, strict=True):
                scores[at] = probability(logits)
        return checked(scores, len(documents), self._model.folder.name)


def _rows(
    query: str, documents: Sequence[str], loaded: Loaded, stop: Stop
) -> tuple[bool, list[Tokens]]:
    """Return whether the model is asked in words, and what it reads."""
    coder = loaded.coder
    in_words = asks_in_words(coder)
    rows = []
    for document in documents:
        stop.check()
        pair = question(coder, query, document) if in_words else coder.pair(query, document)
        rows.append(pair)
    return in_words, rows


def _rate(rows: Sequence[Tokens], in_words: bool, loaded: Loaded, stop: Stop) -> list[list[float]]:
    return loaded.choices(rows, answers(loaded.coder) if in_words else None, stop)
