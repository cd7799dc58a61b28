"""What other users of the machine can do to our files, by their modes, and whether we can use them.

Access control lists are not looked at.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["loose_part", "others_can_read", "unusable"]


def others_can_read(path: Path) -> bool:
    """Whether every user can read a file, or list a folder. False if it is not there."""
    return bool(_mode(path) & stat.S_IROTH) and _is_reachable(path)


def loose_part(path: Path) -> Path | None:
    """Return what lets every user change a file, add to a folder, or put something in its place.

    That is the path itself, or a folder above it in which everybody can rename what others own.
    """
    mode = _mode(path)
    if mode & stat.S_IWOTH and _is_reachable(path):
        return path
    parents = _real(path).parents if mode else ()
    return next((parent for parent in parents if _is_free_for_all(parent)), None)


def unusable(folder: Path) -> str | None:
    """Say what keeps us from using a folder, as the end of a sentence, or None.

    One that is not there can be used if it can be made.
    """
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not stat.S_ISDIR(_mode(nearest)):
        return f"{nearest} is no folder"
    wanted = os.R_OK | os.W_OK | os.X_OK if nearest == folder else os.W_OK | os.X_OK
    if not os.access(nearest, wanted):
        return f"you may not write to {nearest}"
    return None


def _is_free_for_all(folder: Path) -> bool:
    """Whether everybody can rename what lies in a folder: there is no sticky bit."""
    mode = _mode(folder)
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX and _is_reachable(folder)


def _is_reachable(path: Path) -> bool:
    return all(_mode(parent) & stat.S_IXOTH for parent in _real(path).parents)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _mode(path: Path) -> int:
    """Return the mode of what a path leads to, or 0 when that cannot be told."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
