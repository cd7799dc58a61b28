"""An embedder over a model provider: llama.cpp, Ollama, anything that speaks OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruster.core import ports
from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.memory import DIMENSIONS, TextKind
from ruster.memory.embedding.fitting import failed, fitted, valid
from ruster.memory.embedding.prefixes import Prefixes, prefixes_for

__all__ = ["ProviderEmbedder"]

_BATCH_TEXTS = 32
_BATCH_CHARS = 64_000


class ProviderEmbedder:
    """Makes vectors with one model of ``models``, which may be a provider or all of them.

    ``name`` is the model's full name, ``provider/model``; ``model`` is what ``models`` calls it.
    Fulfils ``core.memory.Embedder``.
    """

    def __init__(
        self,
        models: ports.Embedder,
        name: str,
        *,
        model: str | None = None,
        prefixes: Prefixes | None = None,
    ) -> None:
        self._models = models
        self._name = name
        self._model = model or name
        self._prefixes = prefixes or prefixes_for(name)

    @property
    def id(self) -> str:
        """The generation of the vectors."""
        return f"{self._name}:{DIMENSIONS}"

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text; see ``core.memory.Embedder``."""
        vectors: list[list[float]] = []
        for batch in _batches([self._prefixes.before(kind, valid(text)) for text in texts]):
            try:
                found = await self._models.embed(self._model, batch)
            except ProviderError as error:
                away = error.retryable or isinstance(error, ProviderUnreachable)
                raise failed(error.message, retryable=away) from error
            vectors += fitted(found, len(batch), self._name)
        return vectors


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in order, so many at once that a provider takes them."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == _BATCH_TEXTS or size + len(text) > _BATCH_CHARS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
