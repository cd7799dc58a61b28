"""``activity.log``: a session's conversation for human eyes. Nothing is ever read back from it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ruster.core.clock import rfc3339

__all__ = ["ActivityLog"]

_MAX_BYTES = 8 << 20
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_log = logging.getLogger("ruster.sessions")


class ActivityLog:
    """Appends ``[timestamp] Who: text`` lines; at 8 MiB the file becomes ``activity.1.log``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "activity.log"

    def write(self, who: str, text: str, at: float) -> None:
        """Append one entry. A full disk is logged, not raised: the journal is what counts."""
        line = f"[{rfc3339(at)}] {who}: {text}".replace("\n", "\n    ") + "\n"
        try:
            # No file object: this runs twice a turn on the event loop, and one takes ten times
            # as long to open as a descriptor.
            file = os.open(self._path, _FLAGS, 0o666)
            try:
                os.write(file, line.encode("utf-8", "replace"))
                large = os.fstat(file).st_size > _MAX_BYTES
            finally:
                os.close(file)
            if large:
                self._path.replace(self._path.with_suffix(".1.log"))
        except OSError as error:
            _log.warning("activity log not written: %s", error)
