"""Records brought to another layer because a person says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruster.core.memory import Layer
from ruster.memory.index.vectors import LAYERS, layer_code
from ruster.memory.records.log import Move, note
from ruster.memory.records.writing import move

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["move_by_hand"]


def move_by_hand(connection: Connection, number: int, layer: Layer, now: float) -> None:
    """Move an item and write it down in the log.

    An item that is there already stays, and nothing is written.
    """
    ask = "SELECT id, text, layer FROM items WHERE n = ?"
    id, text, code = next(connection.execute(ask, (number,)))
    if code == layer_code(layer):
        return
    move(connection, number, str(text), layer)
    note(connection, now, "promoted", "told", [Move(str(id), LAYERS[int(str(code))], layer)])
