"""Imports of a library without an optional part of it that is installed for other reasons.

Such a library tries the import and goes on without: that is what it documents for whoever does not
have the part.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

__all__ = ["without"]


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let no import of these modules succeed in this thread, unless they are loaded already."""
    refusal = _installed()
    before = refusal.names
    refusal.names = before | frozenset(names)
    try:
        yield
    finally:
        refusal.names = before


class _Refusal(threading.local, MetaPathFinder):
    """Finds nothing; says of some modules that they are not there. Each thread has its own."""

    names: frozenset[str] = frozenset()

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        """Raise ModuleNotFoundError for one of the names."""
        if name in self.names:
            raise ModuleNotFoundError(f"{name} is left out here", name=name)


_installing = threading.Lock()


def _installed() -> _Refusal:
    """Return the finder, which stays once it is there.

    Taking a finder out of the list while another thread looks through it makes that thread skip
    one, and miss a module that is there.
    """
    with _installing:
        for finder in sys.meta_path:
            if isinstance(finder, _Refusal):
                return finder
        refusal = _Refusal()
        sys.meta_path.insert(0, refusal)
        return refusal
