"""Where memories lie: one file for each owner, one in each session's folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FILE_NAME", "owner_file", "session_file"]

FILE_NAME = "memory.sqlite"
_FOLDER = "memory"


def owner_file(root: Path, owner: int) -> Path:
    """Return where an owner's memory lies below ``root``, whether it is there or not."""
    return root / str(owner) / FILE_NAME


def session_file(folder: Path) -> Path:
    """Return where the memory of a session's folder lies, whether it is there or not."""
    return folder / _FOLDER / FILE_NAME
