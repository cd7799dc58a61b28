"""Remembers over turns that files of a session may hold somebody else's words.

A turn that has read a web page and then writes a file would otherwise wash the text clean: the next
turn reads the file and trusts it.
"""

from __future__ import annotations

import os

from ruster.core.tools import TurnScope

__all__ = ["note_taint", "work_origin"]

_FILE = "work_origins"


def note_taint(scope: TurnScope) -> None:
    """Note that something was written while the turn was in doubt (blocks); raises OSError."""
    path = scope.folder / _FILE
    if scope.taint and not path.exists():
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        try:
            os.write(fd, "\n".join(sorted(scope.taint.origins)[:20]).encode(errors="replace"))
        finally:
            os.close(fd)


def work_origin(scope: TurnScope) -> str | None:
    """Return the origin of what lies in the session's own folder, or None if it is in no doubt."""
    return "file:work" if (scope.folder / _FILE).exists() else None
