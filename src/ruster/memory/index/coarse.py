"""The signs of a large memory's vectors, kept in numpy arrays: 57 bytes for each vector.

They are read from the database at the first search and then follow its list of changes, also those
that other processes make. Only threads that read the database use them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ruster.core.memory import DIMENSIONS
from ruster.memory.index.arrays import SIGN_WORDS, nearest_signs

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Signs"]

_SLICE = 65_536
_GONE = 255
_LAYERS = 256
_MAX_LATE = 20_000


class Signs:
    """The signs of one generation."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._seen = -1
        self._clear(0)

    def nearest(
        self,
        connection: Connection,
        signs: bytes,
        count: int,
        layers: Iterable[int],
        chunks: Iterable[int] | None,
    ) -> list[int]:
        """Return the chunks whose signs are nearest, in no order.

        Only those of ``layers`` count, and if told, only ``chunks``.
        """
        with self._lock:
            self._follow(connection)
            allowed = self._allowed(frozenset(layers))
            if chunks is not None:
                wanted = np.fromiter(chunks, np.int64)
                allowed = allowed & np.isin(self._ids[: self._size], wanted)
            query = np.frombuffer(signs, "<u8")
            places = nearest_signs(self._columns[:, : self._size], query, allowed, count)
            found: list[int] = self._ids[places].tolist()
            return found

    def _clear(self, capacity: int) -> None:
        self._size = 0
        self._columns = np.empty((SIGN_WORDS, capacity), np.uint64)
        self._ids = np.empty(capacity, np.int64)
        self._layers = np.empty(capacity, np.uint8)
        self._late: dict[int, int] = {}
        self._masks: dict[frozenset[int], npt.NDArray[np.bool_]] = {}

    def _allowed(self, layers: frozenset[int]) -> npt.NDArray[np.bool_]:
        mask = self._masks.get(layers)
        if mask is None:
            table = np.zeros(_LAYERS, np.bool_)
            table[list(layers)] = True
            mask = self._masks[layers] = table[self._layers[: self._size]]
        return mask

    def _follow(self, connection: Connection) -> None:
        """Take in what has changed since the last search."""
        start: int = connection.execute(
            "SELECT ifnull((SELECT value FROM meta WHERE key = 'changes_from'), 0)"
        ).get
        end: int = connection.execute(
            "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)"
        ).get
        if self._seen < start or len(self._late) > _MAX_LATE:
            self._load(connection)
        elif self._seen < end:
            self._apply(connection)
        self._seen = max(self._seen, end)

    def _load(self, connection: Connection) -> None:
        size = connection.execute(f"SELECT count(*) FROM signs_{self._number}").get
        self._clear(size + size // 16 + 1024)
        ask = f"SELECT chunk, layer, bits FROM signs_{self._number} ORDER BY chunk"
        rows = connection.execute(ask)
        while part := list(islice(rows, _SLICE)):
            chunks, layers, bits = zip(*part, strict=True)
            self._append(chunks, layers, b"".join(bits))

    def _apply(self, connection: Connection) -> None:
        changed: list[Any] = connection.execute(
            "SELECT DISTINCT chunk FROM changes WHERE seq > ? AND generation = ?",
            (self._seen, self._number),
        ).fetchall()
        if not changed:
            return
        self._masks.clear()
        ask = f"SELECT chunk, layer, bits FROM signs_{self._number} WHERE chunk = ?"
        there = {row[0]: row for row in connection.executemany(ask, changed)}
        fresh = []
        for (chunk,) in changed:
            place, row = self._place(chunk), there.get(chunk)
            if place is not None:
                self._layers[place] = _GONE if row is None else row[1]
                if row is not None:
                    self._columns[:, place] = np.frombuffer(row[2], "<u8")
            elif row is not None:
                fresh.append(row)
        if fresh:
            fresh.sort()
            chunks, layers, bits = zip(*fresh, strict=True)
            self._append(chunks, layers, b"".join(bits))

    def _place(self, chunk: int) -> int | None:
        if (late := self._late.get(chunk)) is not None:
            return late
        sorted_size = self._size - len(self._late)
        at = int(np.searchsorted(self._ids[:sorted_size], chunk))
        return at if at < sorted_size and self._ids[at] == chunk else None

    def _append(self, chunks: tuple[int, ...], layers: tuple[int, ...], bits: bytes) -> None:
        """Add at the end; what does not sort there is found by ``_late``."""
        start, end = self._size, self._size + len(chunks)
        if end > self._columns.shape[1]:
            self._grow(end + end // 8 + 1024)
        words = np.frombuffer(bits, "<u8").reshape(len(chunks), DIMENSIONS // 64)
        self._columns[:, start:end] = words.T
        self._ids[start:end] = chunks
        self._layers[start:end] = layers
        if self._late or (start and chunks[0] < self._ids[start - 1]):
            self._late.update(zip(chunks, range(start, end), strict=True))
        self._size = end

    def _grow(self, capacity: int) -> None:
        columns = np.empty((SIGN_WORDS, capacity), np.uint64)
        columns[:, : self._size] = self._columns[:, : self._size]
        self._columns = columns
        self._ids = np.resize(self._ids, capacity)
        self._layers = np.resize(self._layers, capacity)
