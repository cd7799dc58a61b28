"""What learners share: whose words of a turn are read, and how a finding becomes a record."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tools import TurnScope
from ruster.memory.learning.rule import Found

__all__ = ["record_of", "remembered", "said_by_user"]


_REMEMBER = "remember"


def said_by_user(messages: Sequence[Message]) -> list[Message]:
    """Return the user's messages; what tools brought and models wrote is never learned from."""
    return [it for it in messages if it.role is Role.USER and it.content.strip()]


def remembered(messages: Sequence[Message]) -> list[str]:
    """Return the texts that the model itself has kept in a turn."""
    calls = [call for it in messages for call in it.tool_calls if call.name == _REMEMBER]
    return [text for it in calls if isinstance(text := it.arguments.get("text"), str)]


def record_of(found: Found, scope: TurnScope, origins: tuple[str, ...] = ()) -> Record:
    """Return what was found as a record of the owner's, with the turn it comes from."""
    return Record(
        found.text,
        layer=Layer.INSIGHTS,
        kind=found.kind,
        tags=found.tags,
        session=scope.session_key,
        source=scope.turn,
        origins=origins,
        slot=found.slot,
        score=found.score,
    )
