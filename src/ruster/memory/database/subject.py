"""How errors of a memory's file are called."""

from __future__ import annotations

from ruster.core.errors import MemoryError
from ruster.storage.sqlite.subject import Subject

__all__ = ["MEMORY"]

MEMORY = Subject("memory", MemoryError)
