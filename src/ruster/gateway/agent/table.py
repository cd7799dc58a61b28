"""Which request is which command of the socket: the whole of it. No rules of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["TABLE", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. ``names`` maps names in the path or query to those of the command's fields;
    other names in the query are fields themselves. With ``body`` the rest of the command may come
    as a JSON object. ``status`` is that of success.
    """

    method: str
    path: str
    action: str
    names: Mapping[str, str] = field(default_factory=dict)
    body: bool = False
    status: int = 200


_SESSION = {"id": "session_id"}
_APPROVAL = {"id": "approval_id"}

TABLE = (
    Entry("GET", "/v1/sessions", "list"),
    Entry("POST", "/v1/sessions", "create", body=True, status=201),
    Entry("DELETE", "/v1/sessions/{id}", "delete", _SESSION),
    Entry("GET", "/v1/sessions/{id}/history", "history", _SESSION),
    Entry("POST", "/v1/sessions/{id}/cancel", "cancel", _SESSION, body=True),
    Entry("GET", "/v1/sessions/{id}/why", "why", _SESSION),
    Entry("GET", "/v1/approvals", "approval_list"),
    Entry("POST", "/v1/approvals/{id}/approve", "approve", _APPROVAL, body=True),
    Entry("POST", "/v1/approvals/{id}/reject", "reject", _APPROVAL, body=True),
    Entry("GET", "/v1/jobs", "job_list"),
    Entry("POST", "/v1/jobs", "job_add", body=True, status=201),
    Entry("DELETE", "/v1/jobs/{id}", "job_remove", {"id": "job_id"}),
    Entry("GET", "/v1/memory/search", "memory_search", {"q": "query"}),
    Entry("GET", "/v1/status", "status"),
)
"""What is asked and answered once. Messages and events are in ``endpoints``."""
