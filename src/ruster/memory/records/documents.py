"""Documents as they are kept: which there are, and each replaced whole when it has changed.

The pieces of a document are records of the kind ``document`` with its path as their source. Coming
and going with a file, they are not written into the log of moves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from ruster.core.clock import Clock
from ruster.core.memory import Record
from ruster.memory.database.database import Database
from ruster.memory.embedding.keys import DropVectors
from ruster.memory.index.entries import vector_keys
from ruster.memory.records.checks import check_text, checked_record
from ruster.memory.records.writing import completed, erase, insert

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["DOCUMENT", "Documents"]

DOCUMENT = "document"
"""The kind of the records that documents are made of."""
_APART_S = 1e-6
"""Pieces of a document are so far apart in time, so that they have an order."""


class Documents:
    """The documents of one memory; ``wake`` is called when pieces wait for vectors.

    ``drop`` is told of what went, so that no vectors are kept of it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: tzinfo | None,
        wake: Callable[[], None],
        drop: DropVectors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._wake = wake
        self._drop = drop

    async def known(self, source: str) -> dict[str, str]:
        """Return the sources and digests of a document, or of all below a folder."""
        check_text(source, "source")
        ask = f"SELECT source, min(n), metadata FROM items WHERE {_BELOW} GROUP BY source"
        return await self._database.read(
            lambda it: {
                str(name): _digest(str(data)) for name, _, data in it.execute(ask, _bounds(source))
            }
        )

    async def ids(self, source: str) -> list[str]:
        """Return the ids of the pieces of a document, or of all below a folder."""
        check_text(source, "source")
        ask = f"SELECT id FROM items WHERE {_BELOW} ORDER BY source, n"
        return await self._database.read(
            lambda it: [str(id) for (id,) in it.execute(ask, _bounds(source))]
        )

    async def replace(self, source: str, digest: str, pieces: Sequence[Record]) -> int:
        """Keep a document's pieces in place of those it had; return how many went.

        All of it happens or nothing. The words of what went are on the disk until the memory is
        wiped. Raises MemoryError as ``MemoryStore.insert`` does.
        """
        now, metadata = self._clock.now(), json.dumps({"digest": digest})
        whole = [
            completed(
                checked_record(replace(it, kind=DOCUMENT, source=source, metadata=metadata, id="")),
                now + at * _APART_S,
            )
            for at, it in enumerate(pieces)
        ]

        def work(connection: Connection) -> tuple[int, set[bytes]]:
            ask = f"SELECT n, id FROM items WHERE kind = '{DOCUMENT}' AND source = ?"
            old = connection.execute(ask, (source,)).fetchall()
            numbers = [int(str(n)) for n, _ in old]
            keys = vector_keys(connection, numbers, self._zone)
            erase(connection, numbers, self._zone)
            connection.executemany(
                "DELETE FROM derived WHERE source = ?1 OR summary = ?1", ((id,) for _, id in old)
            )
            new = insert(connection, whole, self._zone)
            return len(old), keys - vector_keys(connection, new, self._zone) if keys else keys

        gone, keys = await self._database.write(work)
        await self._drop(list(keys))
        self._wake()
        return gone


_BELOW = f"kind = '{DOCUMENT}' AND (source = ?1 OR (source >= ?2 AND source < ?3))"


def _bounds(source: str) -> tuple[str, str, str]:
    """Return a source, and between which two all below it are; ``0`` comes after ``/``."""
    folder = source.rstrip("/")
    return source, f"{folder}/", f"{folder}0"


def _digest(metadata: str) -> str:
    try:
        return str(json.loads(metadata)["digest"])
    except (ValueError, KeyError, TypeError):
        return ""
