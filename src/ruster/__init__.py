"""ruster: a personal LLM agent that lives on your machine as a background daemon.

``Genius`` and ``Lifecycle`` are the library for programs that want models without the daemon; they
are imported when they are first named.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ruster.version import __version__

if TYPE_CHECKING:
    from ruster.genius import Genius, Lifecycle

__all__ = ["Genius", "Lifecycle", "__version__"]


def __getattr__(name: str) -> object:
    if name in ("Genius", "Lifecycle"):
        return getattr(importlib.import_module("ruster.genius"), name)
    raise AttributeError(f"module 'ruster' has no attribute {name!r}")
