"""How memories are worded for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.protocol.events import MemoryLogEntry, MemorySummary

__all__ = ["counted", "log_rows", "memory_row", "print_log", "print_memories", "print_memory"]

_ROW_CHARS = 300
_HEADS = ("Memory", "Said", "Layer", "Kind", "Text")


def memory_row(memory: MemorySummary, text: str | None = None) -> tuple[str, str, str, str, str]:
    """Word a memory as a row: id, time, layer with a star if it is pinned, kind, text."""
    said = memory.text if text is None else text
    plain = " ".join(said.split())
    short = plain if len(plain) <= _ROW_CHARS else plain[: _ROW_CHARS - 1] + "…"
    layer = f"{memory.layer}*" if memory.pinned else memory.layer
    return memory.memory_id, memory.time[:16], layer, memory.kind, short


def print_memories(memories: Iterable[MemorySummary]) -> None:
    """Print a table of memories."""
    print_rows(_HEADS, [memory_row(it) for it in memories])


def counted(many: int, one: str, more: str = "") -> str:
    """Word a number of things, such as ``1 memory`` and ``2 memories``."""
    return f"{many} {one if many == 1 else more or one + 's'}"


def print_memory(memory: MemorySummary) -> None:
    """Print all of one memory."""
    facts: dict[str, object] = {
        "Memory": memory.memory_id,
        "Layer": memory.layer,
        "Kind": memory.kind,
        "Tags": ", ".join(memory.tags),
        "Project": memory.project,
        "Said": memory.time,
        "Speaker": memory.speaker,
        "Session": memory.session_id,
        "From": memory.source,
        "May be the words of": ", ".join(memory.origins),
        "Pinned": "yes" if memory.pinned else None,
        "Used": f"{memory.uses} times, last {memory.last_used}" if memory.uses else None,
        "True until": memory.valid_to,
        "Expires": memory.expires,
        "Replaced by": memory.superseded_by,
    }
    for what, value in facts.items():
        if value:
            print(printable(f"{what}: {value}"))
    print(f"\n{printable(memory.text)}")


def print_log(entries: Sequence[MemoryLogEntry]) -> None:
    """Print a table of what was done to memories."""
    print_rows(("Entry", "When", "What", "Rule", "Memory", "Layers"), log_rows(entries))


def log_rows(entries: Sequence[MemoryLogEntry]) -> list[tuple[str, str, str, str, str, str]]:
    """Word entries of the log as rows."""
    return [
        (
            str(it.number),
            it.time[:16],
            f"{it.what} (undone)" if it.undone else it.what,
            it.rule,
            it.memory_id,
            _layers(it),
        )
        for it in entries
    ]


def _layers(entry: MemoryLogEntry) -> str:
    if entry.from_layer == entry.to_layer:
        return entry.from_layer or ""
    return f"{entry.from_layer or '-'} > {entry.to_layer or '-'}"
