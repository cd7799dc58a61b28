"""Who asks over HTTP: whoever holds a token."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a token belongs to. ``privileged`` are the daemon's own user and root."""

    uid: int
    token_id: str
    privileged: bool
