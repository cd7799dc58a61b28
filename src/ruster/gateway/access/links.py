"""One-time links: what a person opens so that the browser is let in from then on."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from ruster.core.clock import Clock

__all__ = ["LINK_LASTS_S", "Links"]

LINK_LASTS_S = 300.0
_MAX_WAITING = 32


@dataclass(frozen=True, slots=True)
class _Link:
    uid: int
    expires: float


class Links:
    """Links that wait to be opened, in memory only and as hashes; each opens once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, _Link] = {}

    def make(self, uid: int) -> tuple[str, float]:
        """Make a link for a user; return its secret and when it expires."""
        now = self._clock.now()
        self._waiting = {key: it for key, it in self._waiting.items() if now < it.expires}
        while len(self._waiting) >= _MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        secret = secrets.token_urlsafe(32)
        expires = now + LINK_LASTS_S
        self._waiting[_digest(secret)] = _Link(uid, expires)
        return secret, expires

    def take(self, secret: str) -> int | None:
        """Use a link up; return its user, None if it was used, has expired, or never was."""
        link = self._waiting.pop(_digest(secret), None)
        return link.uid if link is not None and self._clock.now() < link.expires else None


def _digest(secret: str) -> str:
    """Hash what is shown, so that looking it up tells nothing by the time it takes."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
