"""The vocabulary of the memory: what makes vectors of texts, and what rates texts for a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

__all__ = ["DIMENSIONS", "Embedder", "Reranker", "TextKind"]

DIMENSIONS = 384
"""Numbers of a vector in the memory; longer ones are cut and brought back to length 1."""

TextKind = Literal["query", "document"]
"""Which side of a search a text is on; many models want to be told."""


class Embedder(Protocol):
    """Makes vectors of ``DIMENSIONS`` numbers and length 1; near ones mean alike."""

    @property
    def id(self) -> str:
        """Name the generation: provider, model and dimensions. Vectors compare within one only."""
        ...

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text, in order; a text that is too long counts by its beginning.

        Raises MemoryError (``embedder_failed``, ``onnx_missing``, ``onnx_invalid``).
        """
        ...


class Reranker(Protocol):
    """Rates texts, more exactly and more slowly than vectors do."""

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, in order: the higher, the better it answers the query.

        The scale is the model's own. Raises MemoryError (``reranker_failed``, ``onnx_missing``,
        ``onnx_invalid``).
        """
        ...
