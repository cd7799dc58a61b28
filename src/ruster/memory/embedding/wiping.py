"""The cache of vectors when texts are deleted for good: their vectors go as well.

It is needed also while no embedder is chosen: the cache may be of an earlier start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruster.memory.embedding.cached import CachedEmbedder

__all__ = ["CacheWiper"]


class CacheWiper:
    """Fulfils ``DropVectors`` for the cache in ``file``; ``embedder`` is what uses it now."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.embedder: CachedEmbedder | None = None

    async def __call__(self, keys: Sequence[bytes]) -> None:
        """Delete the vectors of texts, by any embedder; what fails is told to the log."""
        if self.embedder is not None:
            await self.embedder.forget(keys)
        elif keys:
            await asyncio.to_thread(self._drop, keys)

    def _drop(self, keys: Sequence[bytes]) -> None:
        # Imported when first needed: a daemon without an embedder has no cache.
        from ruster.memory.embedding.cache import EmbeddingCache

        if self._file.exists():
            cache = EmbeddingCache(self._file)
            try:
                cache.drop(keys)
            finally:
                cache.close()
