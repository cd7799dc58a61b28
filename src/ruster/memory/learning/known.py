"""What an owner's memory knows already: what a learner looks at before it adds to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ruster.core.memory import Layer, Record
from ruster.memory.memories import Memories

__all__ = ["KnownFacts", "OwnerFacts"]

KnownFacts = Callable[[int, str, int], Awaitable[Sequence[Record]]]
"""Returns at most so many facts of an owner that are nearest to a text; raises errors of the
tree."""
_MAX_CHARS = 8000


class OwnerFacts:
    """Searches the memories of owners; one that is not there is not made for that."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    async def near(self, owner: int, text: str, limit: int) -> Sequence[Record]:
        """Implement ``KnownFacts``."""
        file = self._memories.owner_file(owner)
        text = text.replace("\0", " ").encode(errors="replace").decode()[:_MAX_CHARS]
        if not file.exists() or not text.strip():
            return ()
        layers = (Layer.INSIGHTS, Layer.ASSETS)
        async with self._memories.lend(file) as store:
            hits = await store.search(text, limit).with_layers(layers)
        return [hit.record for hit in hits]
