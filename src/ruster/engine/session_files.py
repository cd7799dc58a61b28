"""The names of a session's snapshot files, and their removal; needs no engine."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["delete_session_files", "digest"]


def digest(text: str) -> str:
    """Return a short name for a text that does not tell it."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def delete_session_files(folder: Path, session: str) -> None:
    """Delete what any model has kept of a session; raises OSError when something stays."""
    for path in folder.glob(f"{digest(session)}-*"):
        path.unlink(missing_ok=True)
