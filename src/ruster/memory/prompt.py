"""Memories as a part of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from ruster.core.memory import Hit

__all__ = ["render"]

_TITLE = "# Memory:"
_DOUBT = " (from {origins})"


def render(hits: Sequence[Hit], zone: tzinfo | None = None) -> str:
    """Write hits one a line, with the day and the speaker; nothing for none.

    What may be somebody else's words says whose.
    """
    if not hits:
        return ""
    return "\n".join([_TITLE, *(_line(hit, zone) for hit in hits)])


def _line(hit: Hit, zone: tzinfo | None) -> str:
    record = hit.record
    day = datetime.fromtimestamp(record.ts or 0.0, zone).astimezone(zone).date().isoformat()
    speaker = f"{record.speaker}: " if record.speaker else ""
    text = " ".join(hit.passage.split())
    doubt = _DOUBT.format(origins=", ".join(record.origins)) if record.origins else ""
    return f"- {day} {speaker}{text}{doubt}"
