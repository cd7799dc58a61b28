"""Imports of a library without an optional part of it that is installed for other reasons.

Such a library tries the import and goes on without: that is what it documents for whoever does not
have the part.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

__all__ = ["without"]


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let no import of these modules succeed in this thread, unless they are loaded already."""
    refusal = _Refusal(frozenset(names), threading.get_ident())
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)


class _Refusal(MetaPathFinder):
    """Finds nothing; says of some modules that they are not there."""

    def __init__(self, names: Collection[str], thread: int) -> None:
        self._names = names
        self._thread = thread

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        """Raise ModuleNotFoundError for one of the names, in the thread that asked for it."""
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is left out here", name=name)
