"""Reading the events of a turn."""

from __future__ import annotations

from typing import Any

from ruster.testing import RawClient

__all__ = ["ask_turn", "said"]


def said(events: list[dict[str, Any]]) -> str:
    """Join the pieces of the answer; markers for people are no part of it."""
    pieces = [e for e in events if e["event"] == "response" and "phase" not in e]
    return "".join(piece["delta"] for piece in pieces)


async def ask_turn(client: RawClient, session_id: str, message: str) -> list[dict[str, Any]]:
    """Send a message and return all events of its turn."""
    await client.send({"action": "send", "session_id": session_id, "message": message})
    return await client.turn()
