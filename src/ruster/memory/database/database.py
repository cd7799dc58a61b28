"""The database of a memory: its connections know sqlite-vec and the rank of words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.memory.database.subject import MEMORY
from ruster.storage.sqlite import database

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Database"]


class Database(database.Database):
    """A file opened by ``open``; ``has_vectors`` says whether sqlite-vec could be loaded."""

    def __init__(self, path: Path, on_connect: Callable[[Connection], None]) -> None:
        """``on_connect`` is called with every new connection, on its thread."""
        super().__init__(path, MEMORY, self._connected)
        self.has_vectors = False
        self._prepare = on_connect

    def _connected(self, connection: Connection) -> None:
        from ruster.memory.database.native import load_vectors

        self.has_vectors = load_vectors(connection)
        self._prepare(connection)
