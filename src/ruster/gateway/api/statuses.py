"""The HTTP status of every error of the house, by its code."""

from __future__ import annotations

from collections.abc import Mapping

from ruster.core.errors import RusterError
from ruster.gateway.openai.failures import status_of

__all__ = ["http_status"]

_STATUS: Mapping[str, int] = {
    "approval_closed": 409,
    "approval_mismatch": 409,
    "approval_scope": 400,
    "approval_used": 409,
    "buffer_exceeded": 503,
    "cursor_expired": 410,
    "disk_full": 507,
    "duplicate_id": 409,
    "not_a_reranker": 400,
    "not_an_embedder": 400,
    "not_attached": 409,
    "not_permitted": 403,
    "not_supported": 501,
    "no_daemon": 404,
    "queue_full": 429,
    "rate_limited": 429,
    "session_not_found": 404,
    "storage_failed": 507,
    "storage_read_only": 507,
    "token_limit": 429,
    "too_many_commands": 429,
    "undo_impossible": 409,
    "unknown_action": 400,
    "when_past": 400,
}
_BY_ENDING: Mapping[str, int] = {
    "_not_found": 404,
    "_exists": 409,
    "_limit": 429,
    "_full": 429,
    "_invalid": 400,
    "_empty": 400,
    "_unknown": 400,
    "_too_large": 413,
    "_busy": 503,
    "_closed": 503,
    "_missing": 503,
    "_unreachable": 503,
}
_UNTOLD = 500


def http_status(error: RusterError) -> int:
    """Return the status of an error: that of its code, else what its code ends with says."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    told = status_of(error)
    if told != _UNTOLD:
        return told
    if error.code.startswith("invalid_"):
        return 400
    return next((it for end, it in _BY_ENDING.items() if error.code.endswith(end)), _UNTOLD)
