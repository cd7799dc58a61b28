"""What may be found at all, as a condition on items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruster.core.memory import Layer
from ruster.memory.index.nearest import Allowed
from ruster.memory.index.vectors import layer_code

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Filter"]

_MAX_CHUNKS = 50_000
"""Above so many chunks a filter is only applied to what was found."""
_Value = str | int | float


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all must hold; an empty one holds always.

    ``tags`` must all be there; ``after`` and ``before`` bound the time something was said.
    """

    layers: tuple[Layer, ...] = ()
    project: str | None = None
    sessions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    after: float | None = None
    before: float | None = None

    @property
    def codes(self) -> frozenset[int]:
        """The codes of the layers."""
        return frozenset(layer_code(layer) for layer in self.layers or tuple(Layer))

    @property
    def beyond_layers(self) -> bool:
        """Whether there is any condition but the layers."""
        return self != Filter(self.layers)

    def condition(self) -> tuple[str, list[_Value]]:
        """Return an SQL condition on the table ``i`` and its values."""
        parts, values = ["i.hidden IS NULL"], list[_Value]()

        def one_of(column: str, allowed: Sequence[_Value]) -> None:
            if allowed:
                parts.append(f"{column} IN ({', '.join('?' * len(allowed))})")
                values.extend(allowed)

        if self.layers or self.after is not None or self.before is not None:
            one_of("i.layer", sorted(self.codes))  # the index of times is by layer
        one_of("i.project", [] if self.project is None else [self.project])
        one_of("i.session", self.sessions)
        one_of("i.kind", self.kinds)
        for tag in self.tags:
            parts.append("EXISTS(SELECT 1 FROM json_each(i.tags) WHERE value = ?)")
            values.append(tag)
        for sign, time in ((">=", self.after), ("<", self.before)):
            if time is not None:
                parts.append(f"i.ts {sign} ?")
                values.append(time)
        return " AND ".join(parts), values

    def allowed(self, connection: Connection) -> Allowed:
        """Return what the search by vectors may find; too wide a filter lets more pass."""
        if not self.beyond_layers:
            return Allowed(self.codes)
        condition, values = self.condition()
        ask = f"SELECT c.id FROM items i JOIN chunks c ON c.item = i.n WHERE {condition} LIMIT ?"
        chunks = [chunk for (chunk,) in connection.execute(ask, (*values, _MAX_CHUNKS + 1))]
        return Allowed(self.codes, chunks if len(chunks) <= _MAX_CHUNKS else None)
