"""By what the vectors of a text are known in the cache: its digest, so that no text is there."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

__all__ = ["DropVectors", "text_key"]

DropVectors = Callable[[Sequence[bytes]], Awaitable[None]]
"""Is told the keys of texts that were deleted for good."""

_DIGEST_BYTES = 16


def text_key(text: str) -> bytes:
    """Return with what the keys of a text's vectors begin, whoever made them (16 bytes)."""
    data = text.encode(errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
