"""Finding markers in streamed text: whole ones, and ends of it that may become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["begins", "partial_suffix"]


def begins(text: str, markers: Iterable[str]) -> str | None:
    """Return the marker that ``text`` begins with, if any."""
    return next((marker for marker in markers if text.startswith(marker)), None)


def partial_suffix(text: str, tags: Sequence[str]) -> int:
    """Return how many last characters of ``text`` may be the beginning of one of ``tags``."""
    longest = min(len(text), max((len(tag) for tag in tags), default=1) - 1)
    tail = text[len(text) - longest :]
    if not any(tag[0] in tail for tag in tags):  # nearly always
        return 0
    for size in range(longest, 0, -1):
        if any(tag.startswith(text[-size:]) for tag in tags):
            return size
    return 0
