"""A session's stored conversation, fetched page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruster.client.sync import SyncClient

__all__ = ["count_records", "read_records"]

_PAGE = 100


def count_records(client: SyncClient, session_id: str) -> int:
    """Return how many records a session has."""
    page = client.call("history", session_id=session_id, limit=1).event
    return int(getattr(page, "total", 0))


def read_records(client: SyncClient, session_id: str, start: int = 0) -> Iterator[dict[str, Any]]:
    """Iterate over a session's records from number ``start`` on."""
    while True:
        page = client.call("history", session_id=session_id, limit=_PAGE, offset=start).event
        records = getattr(page, "history", [])
        yield from records
        start += len(records)
        if not records:
            return
