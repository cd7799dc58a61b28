"""What people should know of an answer, where OpenAI's shapes have no place for it.

In a stream it is a comment, which clients pass over; else it is a header.
"""

from __future__ import annotations

from collections.abc import Iterable

from ruster.core.inference import InferenceEvent, Notice

__all__ = ["NOTICE_HEADER", "comment", "notices_of"]

NOTICE_HEADER = "x-ruster-notice"
_MAX_CHARS = 1000


def comment(text: str) -> bytes:
    """Write a text as a comment of a stream of server-sent events."""
    return b": " + " ".join(text.split()).encode("utf-8", "replace") + b"\n\n"


def notices_of(events: Iterable[InferenceEvent]) -> str:
    """Return all notices as one line that may stand in a header; empty without any."""
    texts = dict.fromkeys(it.message for it in events if isinstance(it, Notice))
    line = " ".join(" ".join(texts).split())
    return line.encode("ascii", "replace").decode()[:_MAX_CHARS]
