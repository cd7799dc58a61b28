"""What answers took, in tokens, as OpenAI writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["joined_usage"]


def joined_usage(usages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up what several answers took."""
    numbers = ("prompt_tokens", "completion_tokens", "total_tokens")
    cached = sum(it["prompt_tokens_details"]["cached_tokens"] for it in usages)
    return {
        **{name: sum(it[name] for it in usages) for name in numbers},
        "prompt_tokens_details": {"cached_tokens": cached},
    }
