"""Errors as OpenAI's clients read them: a status, and ``{"error": {…}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruster.core.errors import RusterError

__all__ = ["InvalidRequest", "error_object", "status_of"]

_STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "context_overflow": 400,
    "grammar_invalid": 400,
    "prompt_empty": 400,
    "sampling_invalid": 400,
    "template_failed": 400,
    "tools_unsupported": 400,
    "schema_unsupported": 400,
    "not_a_chat_model": 400,
    "not_an_embedder": 400,
    "invalid_name": 400,
    "answer_too_large": 400,
    "not_permitted": 403,
    "session_not_found": 404,
    "response_not_found": 404,
    "budget_exhausted": 429,
    "provider_blocked": 400,
    "provider_rejected": 400,
    "model_not_found": 404,
    "unknown_provider": 404,
    "provider_quota": 429,
    "provider_failed": 502,
    "provider_protocol": 502,
    "provider_stream_cut": 502,
    "provider_unauthorized": 502,
    "engine_busy": 503,
    "no_model": 503,
    "provider_key_missing": 503,
    "provider_resting": 503,
    "provider_unreachable": 503,
    "shutting_down": 503,
    "provider_timeout": 504,
}
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "insufficient_quota",
}


class InvalidRequest(RusterError):
    """A request that cannot be taken; ``param`` names the field, as in ``messages[0].content``."""

    default_code = "invalid_request"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def status_of(error: RusterError) -> int:
    """Return the HTTP status of an error."""
    return _STATUS.get(error.code, 500)


def error_object(error: RusterError) -> dict[str, Any]:
    """Write an error; a stream carries the same object as its last event."""
    param = error.param if isinstance(error, InvalidRequest) else None
    kind = _TYPES.get(status_of(error), "server_error")
    return {"error": {"message": error.message, "type": kind, "param": param, "code": error.code}}
