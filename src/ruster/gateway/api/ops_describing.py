"""What runs and watches ruster, in OpenAPI's words."""

from __future__ import annotations

from typing import Any

from ruster.gateway.api.context import ContextBody
from ruster.gateway.api.describing import Operation, described
from ruster.gateway.api.ops import TokenizeBody

__all__ = ["describe"]

_TAG = "Operation"
_TEXT = ("text/plain",)


def describe() -> dict[str, Any]:
    """Return the fragment of these routes."""
    return described(
        (
            Operation("GET", "/health", "Tell that it lives", _TAG, public=True),
            Operation("GET", "/metrics", "Tell figures to Prometheus", _TAG, answers=_TEXT),
            Operation("GET", "/v1/config", "Tell where WebSockets are", _TAG),
            Operation("GET", "/openapi.json", "Tell all requests", _TAG),
            Operation("POST", "/v1/engine/reset", "Unload the local models", _TAG, answers=_TEXT),
            Operation("POST", "/v1/context", "Keep and tell named values", _TAG, ContextBody),
            Operation("POST", "/tokenize", "Tell the tokens of a text", _TAG, TokenizeBody),
        )
    )
