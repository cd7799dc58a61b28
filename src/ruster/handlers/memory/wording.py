"""Memories as events tell them, and times as commands name them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ruster.core.clock import rfc3339
from ruster.core.errors import ProtocolError
from ruster.core.memory import Hit, LogEntry, Record
from ruster.handlers.memory.reach import Within
from ruster.memory.records.stats import MemoryStats
from ruster.protocol.events import MemoryCounts, MemoryHit, MemoryLogEntry, MemorySummary

__all__ = ["LISTED_CHARS", "counts", "hit_of", "log_entries", "moment", "summary"]

LISTED_CHARS = 2000
"""Characters of a text in a list; the rest is told by ``memory_show``."""
_PARTS = ("lexical", "vector", "sitting", "length", "layer", "age", "date", "pinned")


def summary(record: Record, within: Within, most: int | None = LISTED_CHARS) -> MemorySummary:
    """Word a memory, with at most ``most`` characters of its text; None for all of it."""
    return MemorySummary(
        memory_id=record.id,
        text=record.text[:most],
        cut=True if most is not None and len(record.text) > most else None,
        layer=record.layer.value,
        kind=record.kind,
        time=rfc3339(record.ts or 0.0),
        within=within,
        tags=list(record.tags),
        project=record.project or None,
        session_id=record.session.partition("/")[2] or None,
        speaker=record.speaker or None,
        source=record.source or None,
        origins=list(record.origins),
        pinned=record.pinned,
        uses=record.uses,
        last_used=_time(record.last_used),
        valid_from=_time(record.valid_from),
        valid_to=_time(record.valid_to),
        expires=_time(record.expires),
        superseded_by=record.superseded_by or None,
    )


def hit_of(hit: Hit, within: Within, session_id: str | None = None) -> MemoryHit:
    """Word something found, with the parts of its score, and the session whose memory has it."""
    scores = {name: round(getattr(hit.scores, name), 4) + 0.0 for name in _PARTS}  # no -0.0
    if hit.scores.rerank is not None:
        scores["rerank"] = round(hit.scores.rerank, 4)
    return MemoryHit(
        memory=summary(hit.record, within),
        session_id=session_id,
        passage=hit.passage[:LISTED_CHARS],
        score=round(hit.score, 4),
        scores=scores,
    )


def log_entries(entries: Iterable[LogEntry]) -> list[MemoryLogEntry]:
    """Word entries of the log."""
    return [
        MemoryLogEntry(
            number=it.number,
            time=rfc3339(it.ts),
            batch=it.batch,
            what=it.action,
            rule=it.rule,
            memory_id=it.id,
            from_layer=None if it.from_layer is None else it.from_layer.value,
            to_layer=None if it.to_layer is None else it.to_layer.value,
            made=it.made or None,
            undone=_time(it.undone),
        )
        for it in entries
    ]


def counts(stats: MemoryStats, within: Within, *, details: bool) -> MemoryCounts:
    """Word the counts of a memory."""
    return MemoryCounts(
        within=within,
        size_bytes=stats.size_bytes,
        layers=dict(stats.layers),
        hidden=stats.hidden,
        facts=stats.facts,
        documents=stats.documents,
        waiting=stats.waiting,
        vectors=dict(stats.vectors),
        kinds=dict(stats.kinds) if details else None,
        pinned=stats.pinned,
        oldest=_time(stats.oldest),
        newest=_time(stats.newest),
    )


def moment(text: str | None, what: str) -> float | None:
    """Return a time in seconds since the epoch; without an offset it is the machine's own.

    Raises ProtocolError (``invalid_command``).
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ProtocolError(
            f'"{what}" is no time; write 2026-05-31 or 2026-05-31T18:00:00+02:00',
            code="invalid_command",
        ) from None


def _time(value: float | None) -> str | None:
    return None if value is None else rfc3339(value)
