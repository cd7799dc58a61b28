"""Which stored vectors are nearest to a query's, by whatever this machine and this memory have.

Of few vectors vec0 compares all, as bytes. Of many the signs choose some hundreds, in numpy. Where
numpy is missing vec0 serves up to ``EXACT_LIMIT``, and the signs in SQL above. In all cases the
half floats decide the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from ruster.memory.index.formats import cosines, encode
from ruster.memory.index.vectors import LAYERS, Generation, halves_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ruster.memory.database.native import Connection

__all__ = ["Allowed", "Nearest", "similarities"]

_MAX_K = 4096
_FEW = 5_000
"""Vectors up to which the exact index is asked even with numpy at hand: 3 ms, and no numpy."""
_COARSE = 400
"""Vectors at least that are chosen by their signs."""
_DIRECT = 500
"""Chunks that may be found, up to which each is compared."""
_CLOSE = 64
"""Vectors whose order the half floats decide where numpy is not in use."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be found: codes of layers, and chunks of these unless any will do."""

    layers: frozenset[int] = frozenset(range(len(LAYERS)))
    chunks: Sequence[int] | None = None


class _Signs(Protocol):
    def nearest(
        self,
        connection: Connection,
        signs: bytes,
        count: int,
        layers: Iterable[int],
        chunks: Iterable[int] | None,
    ) -> list[int]: ...


class Nearest:
    """Searches the generations of one memory; ``has_vec0`` says whether sqlite-vec is loaded."""

    def __init__(self, *, has_vec0: bool) -> None:
        self._has_vec0 = has_vec0
        self._signs: dict[int, _Signs] = {}

    def find(
        self,
        connection: Connection,
        within: Generation,
        query: Sequence[float],
        count: int,
        allowed: Allowed,
    ) -> dict[int, float]:
        """Return at most ``count`` chunks with their cosines; ``query`` has length 1."""
        if not within.size or not allowed.layers:
            return {}
        if allowed.chunks is not None and len(allowed.chunks) <= _DIRECT:
            return _best(similarities(connection, within, query, allowed.chunks), count)
        _, small, signs = encode(query)
        kept = self._kept(within)
        if kept is None and within.exact and self._has_vec0:
            rough = self._exact(connection, within, small, count, allowed)
            close = list(rough)[: max(_CLOSE, count // 4)]
            return rough | similarities(connection, within, query, close)
        chosen_count = max(_COARSE, 2 * count)
        if kept is not None:
            chosen = kept.nearest(connection, signs, chosen_count, allowed.layers, allowed.chunks)
        else:
            chosen = self._by_signs(connection, within, signs, chosen_count, allowed)
        return _best(similarities(connection, within, query, chosen), count)

    def _exact(
        self,
        connection: Connection,
        within: Generation,
        small: bytes,
        count: int,
        allowed: Allowed,
    ) -> dict[int, float]:
        ask = (
            f"SELECT rowid, 1 - distance FROM exact_{within.number} "
            f"WHERE vector MATCH vec_int8(?) AND k = {min(count, _MAX_K)}"
        )
        values: list[bytes | str] = [small]
        if len(allowed.layers) < len(LAYERS):
            ask += f" AND layer IN ({', '.join(map(str, sorted(allowed.layers)))})"
        if allowed.chunks is not None:
            ask += " AND rowid IN (SELECT value FROM json_each(?))"
            values.append(str(list(allowed.chunks)))
        return dict(connection.execute(ask, values))

    def _by_signs(
        self,
        connection: Connection,
        within: Generation,
        signs: bytes,
        count: int,
        allowed: Allowed,
    ) -> list[int]:
        if not self._has_vec0:
            return []
        layers = ", ".join(map(str, sorted(allowed.layers)))
        ask = f"SELECT chunk FROM signs_{within.number} WHERE layer IN ({layers})"
        values: list[bytes | str] = []
        if allowed.chunks is not None:
            ask += " AND chunk IN (SELECT value FROM json_each(?))"
            values.append(str(list(allowed.chunks)))
        ask += f" ORDER BY vec_distance_hamming(vec_bit(bits), vec_bit(?)) LIMIT {count}"
        return [chunk for (chunk,) in connection.execute(ask, (*values, signs))]

    def _kept(self, within: Generation) -> _Signs | None:
        """Return the signs in memory, for many vectors; None where numpy is missing or too old."""
        number = within.number
        if self._has_vec0 and within.exact and within.size <= _FEW:
            return None
        if number not in self._signs:
            if find_spec("numpy") is None:
                return None
            import numpy as np

            if not hasattr(np, "bitwise_count"):
                return None
            from ruster.memory.index.coarse import Signs

            self._signs[number] = Signs(number)
        return self._signs[number]


def _best(found: dict[int, float], count: int) -> dict[int, float]:
    best = sorted(found, key=found.__getitem__, reverse=True)[:count]
    return {chunk: found[chunk] for chunk in best}


def similarities(
    connection: Connection, within: Generation, query: Sequence[float], chunks: Sequence[int]
) -> dict[int, float]:
    """Return the cosines of those chunks that have a vector in a generation."""
    halves = halves_of(connection, within.number, chunks)
    return dict(zip(halves, cosines(query, list(halves.values())), strict=True))
