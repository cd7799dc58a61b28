"""What learners share: whose words of a turn are read, and how a finding becomes a record."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tools import TurnScope
from ruster.memory.learning.rule import Found

__all__ = ["FORGETTING", "forgets", "record_of", "said_by_user"]

FORGETTING = "forget"
"""The tool that forgets."""


def said_by_user(messages: Sequence[Message]) -> list[Message]:
    """Return the user's messages; what tools brought and models wrote is never learned from."""
    return [it for it in messages if it.role is Role.USER and it.content.strip()]


def forgets(messages: Sequence[Message]) -> bool:
    """Whether something was forgotten in a turn, which then must not be kept by telling of it."""
    return any(it.role is Role.TOOL and it.name == FORGETTING for it in messages)


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
