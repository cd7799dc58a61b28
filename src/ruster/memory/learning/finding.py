"""Finding in open memories what a wish to forget means: one rule, for the tool and the command.

To miss something is mended by asking again, to delete too much is not: so it takes all telling
words, as they were meant (``Wish``), and only what people said or told. What tools brought and
documents may have the same words by chance; those go by their ids or paths. Where a wish means more
than its asker expects, nothing goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.memory import Layer, Record
from ruster.memory.keeping import TOOL_KIND
from ruster.memory.learning.forgetting import Wish, sources_of
from ruster.memory.records.documents import DOCUMENT
from ruster.memory.store import MemoryStore

__all__ = ["MAX_FACTS", "Meant", "find_meant", "too_many"]

MAX_FACTS = 20
"""Facts that one wish may delete unless somebody says how many."""
_SAID_A_FACT = 5
"""Parts of conversations that may go with each of them."""
_CANDIDATES = 400
_WITH_HISTORY = 50
_MEMORY_TOOLS = ("recall:", "remember:", "session_tail:")
"""How what the tools that repeat memories have brought begins."""
_PERSON = "user"
_KINDS = frozenset({"fact", "preference", "decision", "promise", "note", "summary"})

Meant = list[tuple[MemoryStore, list[Record]]]


async def find_meant(stores: Sequence[MemoryStore], text: str) -> Meant:
    """Return by memory what a wish means, facts and what was said; raises MemoryError."""
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


def too_many(meant: Meant, facts: int = MAX_FACTS) -> bool:
    """Whether a wish means more than ``facts``, with what was said of them, and may not delete."""
    records = [it for _, part in meant for it in part]
    said = sum(it.layer is Layer.INTERACT for it in records)
    return len(records) - said > facts or said > facts * _SAID_A_FACT


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
    """Whether a record is a fact, or what somebody said, whatever kind he called it."""
    if record.kind == TOOL_KIND:
        return record.text.startswith(_MEMORY_TOOLS)
    return (
        record.layer is Layer.INTERACT or record.kind in _KINDS or record.speaker == _PERSON
    ) and record.kind != DOCUMENT
