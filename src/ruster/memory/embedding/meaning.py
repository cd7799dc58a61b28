"""What is known of searching by meaning: with which model, or why not, and what would be better."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["AskMeaning", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """``embedder`` names the model, None if things are found by words only; ``hint`` tells how to
    find more; ``failure`` says why the model that was wished for is not used.
    """

    embedder: str | None = None
    hint: str | None = None
    failure: str | None = None


AskMeaning = Callable[[], Awaitable[Meaning]]
"""Waits until it is known; nothing is loaded for that."""
