"""Errors over HTTP: the status of every error of the house, and ``{"error": {…}}`` as clients of
OpenAI read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruster.core.errors import RusterError

__all__ = ["InvalidRequest", "error_object", "status_of"]

_STATUS: Mapping[str, int] = {
    "answer_too_large": 400,
    "approval_scope": 400,
    "context_overflow": 400,
    "grammar_invalid": 400,
    "images_unsupported": 400,
    "invalid_name": 400,
    "invalid_request": 400,
    "not_a_chat_model": 400,
    "not_a_reranker": 400,
    "not_an_embedder": 400,
    "prompt_empty": 400,
    "provider_blocked": 400,
    "provider_rejected": 400,
    "sampling_invalid": 400,
    "schema_unsupported": 400,
    "template_failed": 400,
    "tools_unsupported": 400,
    "unknown_action": 400,
    "when_past": 400,
    "model_gated": 403,
    "not_permitted": 403,
    "model_not_found": 404,
    "no_daemon": 404,
    "response_not_found": 404,
    "session_not_found": 404,
    "unknown_provider": 404,
    "approval_closed": 409,
    "approval_mismatch": 409,
    "approval_used": 409,
    "duplicate_id": 409,
    "message_expired": 409,
    "not_attached": 409,
    "undo_impossible": 409,
    "cursor_expired": 410,
    "message_too_large": 413,
    "budget_exhausted": 429,
    "provider_quota": 429,
    "queue_full": 429,
    "rate_limited": 429,
    "token_limit": 429,
    "too_many_commands": 429,
    "model_failed": 500,
    "not_supported": 501,
    "download_failed": 502,
    "provider_failed": 502,
    "provider_protocol": 502,
    "provider_stream_cut": 502,
    "provider_unauthorized": 502,
    "too_many_rounds": 502,
    "tool_loop": 502,
    "buffer_exceeded": 503,
    "engine_busy": 503,
    "hub_unreachable": 503,
    "no_model": 503,
    "provider_key_missing": 503,
    "provider_resting": 503,
    "provider_unreachable": 503,
    "shutting_down": 503,
    "provider_timeout": 504,
    "disk_full": 507,
    "storage_failed": 507,
    "storage_read_only": 507,
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
_TYPES: Mapping[int, str] = {403: "permission_error", 429: "insufficient_quota"}


class InvalidRequest(RusterError):
    """A request that cannot be taken; ``param`` names the field, as in ``messages[0].content``."""

    default_code = "invalid_request"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def status_of(error: RusterError) -> int:
    """Return the HTTP status of an error: that of its code, else what its code ends with says."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if error.code.startswith("invalid_"):
        return 400
    endings = (status for end, status in _BY_ENDING.items() if error.code.endswith(end))
    return next(endings, 500)


def error_object(error: RusterError) -> dict[str, Any]:
    """Write an error; a stream carries the same object as its last event."""
    param = error.param if isinstance(error, InvalidRequest) else None
    status = status_of(error)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": error.message, "type": kind, "param": param, "code": error.code}}
