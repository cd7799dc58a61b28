"""What a database file is about: how its errors call it, and of which class they are."""

from __future__ import annotations

from dataclasses import dataclass

from ruster.core.errors import RusterError

__all__ = ["Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """``name`` begins the codes of errors (``memory_busy``); ``error`` is their class."""

    name: str
    error: type[RusterError]
