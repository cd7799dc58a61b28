"""Finding in open memories what a wish to forget means."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.memory import Layer, Record
from ruster.memory.learning.forgetting import Wish, sources_of
from ruster.memory.store import MemoryStore

__all__ = ["MAX_FACTS", "MAX_SAID", "Meant", "find_meant", "too_many"]

MAX_FACTS = 20
"""Facts that one wish may delete."""
MAX_SAID = 100
"""Parts of conversations that may go with them."""
_CANDIDATES = 400
_WITH_HISTORY = 50
_MEMORY_TOOLS = ("recall:", "remember:", "session_tail:")
"""How what the tools that repeat memories have brought begins."""
_KINDS = frozenset({"fact", "preference", "decision", "promise", "note", "summary"})

Meant = list[tuple[MemoryStore, list[Record]]]


async def find_meant(stores: Sequence[MemoryStore], text: str) -> Meant:
    """Return by memory what a wish means, facts and what was said; raises MemoryError.

    What other tools brought, and documents, are nobody's words about the user: they stay.
    """
    wish = Wish.of(text)
    if not wish.words:
        return []
    candidates = [await _candidates(store, text) for store in stores]
    found: list[list[Record]] = [
        [it for it in records if wish.means(it) and _is_told(it)] for records in candidates
    ]
    facts = [it for records in found for it in records if it.layer is not Layer.INTERACT]
    sources = {it.source for it in facts if it.source}
    for store, records in zip(stores, found, strict=True):
        said = [it for it in await _said_in(store, sources) if _is_told(it)]
        known = {it.id for it in records}
        records += [it for it in sources_of(facts, said) if it.id not in known]
    return [(store, records) for store, records in zip(stores, found, strict=True) if records]


def too_many(meant: Meant) -> bool:
    """Whether a wish means more than one wish may delete."""
    records = [it for _, part in meant for it in part]
    said = sum(it.layer is Layer.INTERACT for it in records)
    return len(records) - said > MAX_FACTS or said > MAX_SAID


async def _candidates(store: MemoryStore, text: str) -> list[Record]:
    """Return what has any of the words, and what the facts among it took the place of."""
    hits = await store.search(text).diverse(False).top_k(_CANDIDATES)
    found = {hit.record.id: hit.record for hit in hits}
    facts = [it for it in found.values() if it.layer is not Layer.INTERACT]
    for fact in facts[:_WITH_HISTORY]:
        found |= {it.id: it for it in await store.history(fact.id)}
    return list(found.values())


async def _said_in(store: MemoryStore, turns: set[str]) -> list[Record]:
    return [it for turn in sorted(turns) for it in await store.of_source(turn)]


def _is_told(record: Record) -> bool:
    """Whether a record is a fact, or a part of a conversation that may tell one."""
    if record.kind == "tool":
        return record.text.startswith(_MEMORY_TOOLS)
    return record.layer is Layer.INTERACT or record.kind in _KINDS
