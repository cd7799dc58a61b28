"""The documents in a folder: what a person would call documents, not what programs left there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ruster.memory.documents.document import unreadable
from ruster.memory.documents.kinds import kind_by_name

__all__ = ["documents_in"]

_BUILT = (
    "node_modules target build dist out vendor venv env __pycache__ site-packages bower_components "
    "coverage htmlcov"
)
_LEFT_BY_PROGRAMS = frozenset(_BUILT.split())
_MAX_DEPTH = 32
_MAX_SEEN = 1_000_000


def documents_in(folder: Path, max_files: int) -> tuple[list[Path], bool]:
    """Return the readable files below a folder in order of names, and whether there are more.

    Hidden files, links and what programs build are left out (blocks). Raises MemoryError
    (``document_unreadable``) when the folder itself cannot be read.
    """
    try:
        os.scandir(folder).close()
    except (OSError, ValueError) as error:
        raise unreadable(f"the folder {folder} cannot be read: {error}") from error
    found: list[Path] = []
    for path in _files(folder):
        if len(found) == max_files:
            return found, True
        found.append(path)
    return found, False


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    depth = len(folder.parts)
    for root, folders, names in os.walk(folder):
        at = Path(root)
        kept = [it for it in folders if not it.startswith(".") and it not in _LEFT_BY_PROGRAMS]
        folders[:] = sorted(kept) if len(at.parts) - depth < _MAX_DEPTH else []
        for name in sorted(names):
            seen += 1
            path = at / name
            if not name.startswith(".") and kind_by_name(name) and not path.is_symlink():
                yield path
        if seen > _MAX_SEEN:
            return
