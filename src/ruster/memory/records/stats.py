"""How much a memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ruster.memory.index.vectors import LAYERS, generations

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["MemoryStats", "count"]


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """Counts of one memory.

    ``hidden`` records are out of sight but can come back; ``waiting`` pieces have no vector yet;
    ``vectors`` is by embedder. ``kinds``, ``pinned``, ``oldest`` and ``newest`` take a look at
    every record, and are there when asked for.
    """

    size_bytes: int
    layers: Mapping[str, int]
    hidden: int
    facts: int
    documents: int
    waiting: int
    vectors: Mapping[str, int]
    kinds: Mapping[str, int] = field(default_factory=dict)
    pinned: int | None = None
    oldest: float | None = None
    newest: float | None = None


def count(connection: Connection, *, details: bool) -> MemoryStats:
    """Count; with ``details`` every record is looked at."""
    layers = dict(
        connection.execute(
            "SELECT layer, count(*) FROM items WHERE hidden IS NULL GROUP BY layer ORDER BY layer"
        )
    )
    ask = "SELECT kind, count(*), sum(pinned), min(ts), max(ts) FROM items WHERE hidden IS NULL "
    rows = list(connection.execute(f"{ask} GROUP BY kind ORDER BY kind")) if details else []
    documents = "SELECT count(DISTINCT source) FROM items WHERE kind = 'document'"
    return MemoryStats(
        size_bytes=connection.pragma("page_count") * connection.pragma("page_size"),
        layers={layer.value: layers.get(code, 0) for code, layer in enumerate(LAYERS)},
        hidden=_one(connection, "SELECT count(*) FROM items WHERE hidden IS NOT NULL"),
        facts=_one(connection, "SELECT count(*) FROM facts"),
        documents=_one(connection, documents),
        waiting=_one(connection, "SELECT count(*) FROM pending"),
        vectors={it.name: it.size for it in generations(connection)},
        kinds={str(kind): int(many) for kind, many, *_ in rows},
        pinned=sum(int(row[2]) for row in rows) if details else None,
        oldest=min((float(row[3]) for row in rows), default=None),
        newest=max((float(row[4]) for row in rows), default=None),
    )


def _one(connection: Connection, ask: str) -> int:
    return int(connection.execute(ask).get)
