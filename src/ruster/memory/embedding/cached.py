"""An embedder that remembers: the same text is given to the model once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ruster.core.memory import Embedder, TextKind
from ruster.memory.embedding.cache import EmbeddingCache
from ruster.memory.embedding.keys import text_key

__all__ = ["CachedEmbedder"]


class CachedEmbedder:
    """An embedder behind a cache. Fulfils ``core.memory.Embedder``; the cache stays the caller's.

    Its ``id`` is the embedder's: vectors are kept by generation, side and text.
    """

    def __init__(self, embedder: Embedder, cache: EmbeddingCache) -> None:
        self._embedder = embedder
        self._cache = cache
        self._under_way = 0
        self._forgotten: set[bytes] = set()
        """What was forgotten while vectors were made: these come too late."""

    @property
    def id(self) -> str:
        """The generation of the vectors."""
        return self._embedder.id

    async def embed(self, texts: Sequence[str], kind: TextKind = "document") -> list[list[float]]:
        """Return one vector per text; see ``core.memory.Embedder``."""
        keys = [self._key(text, kind) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        self._under_way += 1
        try:
            found = await asyncio.to_thread(self._cache.get, list(wanted))
            if missing := {key: text for key, text in wanted.items() if key not in found}:
                found |= await self._made(missing, kind)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._forgotten.clear()
        return [list(found[key]) for key in keys]

    async def forget(self, keys: Iterable[bytes]) -> None:
        """Delete what is kept of texts (see ``text_key``), on either side, of any generation."""
        gone = set(keys)
        if self._under_way:
            self._forgotten |= gone
        await asyncio.to_thread(self._cache.drop, gone)

    async def _made(self, missing: dict[bytes, str], kind: TextKind) -> dict[bytes, list[float]]:
        """Ask the model, and keep what it says of texts that are still there."""
        fresh = await self._embedder.embed(list(missing.values()), kind)
        new = dict(zip(missing, fresh, strict=True))
        begins = {key: text_key(text) for key, text in missing.items()}
        kept = {key: it for key, it in new.items() if begins[key] not in self._forgotten}
        await asyncio.to_thread(self._cache.put, kept)
        if late := self._forgotten.intersection(begins.values()):
            await asyncio.to_thread(self._cache.drop, late)
        return new

    def _key(self, text: str, kind: TextKind) -> bytes:
        return text_key(text) + text_key(f"{self._embedder.id}\0{kind}")
