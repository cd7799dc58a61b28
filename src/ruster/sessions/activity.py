"""``activity.log``: a session's conversation for human eyes. Nothing is ever read back from it."""

from __future__ import annotations

import logging
from pathlib import Path

from ruster.core.clock import rfc3339

__all__ = ["ActivityLog"]

_MAX_BYTES = 8 << 20
_log = logging.getLogger("ruster.sessions")


class ActivityLog:
    """Appends ``[timestamp] Who: text`` lines; at 8 MiB the file becomes ``activity.1.log``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "activity.log"

    def write(self, who: str, text: str, at: float) -> None:
        """Append one entry. A full disk is logged, not raised: the journal is what counts."""
        line = f"[{rfc3339(at)}] {who}: {text}".replace("\n", "\n    ")
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                large = file.tell() > _MAX_BYTES
            if large:
                self._path.replace(self._path.with_suffix(".1.log"))
        except OSError as error:
            _log.warning("activity log not written: %s", error)
