"""Ollama's interface in OpenAPI's words."""

from __future__ import annotations

from typing import Any

from ruster.gateway.api.describing import Operation, described
from ruster.gateway.ollama.shapes import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    ShowBody,
)

__all__ = ["describe"]

_TAG = "Ollama"
_STREAM = ("application/x-ndjson", "application/json")


def describe() -> dict[str, Any]:
    """Return the fragment of these routes."""
    post = "POST"
    return described(
        (
            Operation(post, "/api/chat", "Answer a chat", _TAG, ChatBody, answers=_STREAM),
            Operation(post, "/api/generate", "Answer a text", _TAG, GenerateBody, answers=_STREAM),
            Operation(post, "/api/show", "Tell of a model", _TAG, ShowBody),
            Operation(post, "/api/embed", "Make vectors", _TAG, EmbedBody),
            Operation(post, "/api/embeddings", "Make one vector", _TAG, EmbeddingsBody),
            Operation("GET", "/api/tags", "List models", _TAG),
            Operation("GET", "/api/ps", "List models in memory", _TAG),
            Operation("GET", "/api/version", "Tell the version", _TAG),
        )
    )
