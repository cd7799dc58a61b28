"""A reranker over a model provider: GGUF models in the embedded engine."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core import ports
from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.memory.embedding.fitting import valid
from ruster.memory.reranking.scores import checked, failed

__all__ = ["ProviderReranker"]


class ProviderReranker:
    """Rates with one model of ``models``, which may be a provider or all of them.

    ``name`` is the model's full name, ``provider/model``; ``model`` is what ``models`` calls it.
    Fulfils ``core.memory.Reranker``.
    """

    def __init__(self, models: ports.Reranker, name: str, *, model: str | None = None) -> None:
        self._models = models
        self._name = name
        self._model = model or name

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document; see ``core.memory.Reranker``."""
        if not documents:
            return []
        try:
            told = [valid(document) for document in documents]
            scores = await self._models.rerank(self._model, valid(query), told)
        except ProviderError as error:
            away = error.retryable or isinstance(error, ProviderUnreachable)
            raise failed(error.message, retryable=away) from error
        return checked(scores, len(documents), self._name)
