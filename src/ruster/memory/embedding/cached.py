"""An embedder that remembers: the same text is given to the model once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

from ruster.core.memory import Embedder, TextKind
from ruster.memory.embedding.cache import EmbeddingCache

__all__ = ["CachedEmbedder"]

_DIGEST_BYTES = 16


class CachedEmbedder:
    """An embedder behind a cache. Fulfils ``core.memory.Embedder``; the cache stays the caller's.

    Its ``id`` is the embedder's: vectors are kept by generation, side and text.
    """

    def __init__(self, embedder: Embedder, cache: EmbeddingCache) -> None:
        self._embedder = embedder
        self._cache = cache

    @property
    def id(self) -> str:
        """The generation of the vectors."""
        return self._embedder.id

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text; see ``core.memory.Embedder``."""
        keys = [self._key(text, kind) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        found = await asyncio.to_thread(self._cache.get, list(wanted))
        if missing := [key for key in wanted if key not in found]:
            fresh = await self._embedder.embed([wanted[key] for key in missing], kind)
            new = dict(zip(missing, fresh, strict=True))
            await asyncio.to_thread(self._cache.put, new)
            found |= new
        return [list(found[key]) for key in keys]

    async def forget(self, texts: Iterable[str]) -> None:
        """Delete what is kept of texts, on either side and of any generation."""
        await asyncio.to_thread(self._cache.drop, [_digest(text) for text in texts])

    def _key(self, text: str, kind: TextKind) -> bytes:
        return _digest(text) + _digest(f"{self._embedder.id}\0{kind}")


def _digest(text: str) -> bytes:
    data = text.encode(errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
