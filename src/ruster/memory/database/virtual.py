"""Virtual tables dropped even if parts of them are gone, which their own modules refuse."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["drop_virtual"]

_log = logging.getLogger("ruster.memory")


def drop_virtual(connection: Connection, name: str) -> None:
    """Drop a virtual table, if it is there, with the tables that hold its content."""
    try:
        with connection:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
    except Exception as error:  # noqa: BLE001 - whatever is broken in it is to go
        _log.info("the index %s is taken apart: %s", name, error)
        connection.pragma("writable_schema", True)
        try:
            connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (name,))
        finally:
            connection.pragma("writable_schema", "RESET")
    parts = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?", (f"{name}_*",)
    ).fetchall()
    for (part,) in parts:
        connection.execute(f"DROP TABLE {part}")
