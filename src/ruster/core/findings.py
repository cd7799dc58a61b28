"""What a look at one thing brought: whether it is as it should be, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Health"]

Health = Literal["ok", "warning", "missing"]
"""``warning``: it works, but less well or less safely. ``missing``: something that is wanted does
not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``detail`` says what was found; ``hint``, a sentence of its own, what to do about it."""

    health: Health
    detail: str
    hint: str | None = None
