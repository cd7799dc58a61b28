"""Who sent a message: a client, or something that speaks without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruster.protocol.codec import CommandId
from ruster.trust.taint import origins_of_record, with_origins

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """``command_id`` is the one that a client gave; ``source`` names who it was if no client.

    ``origins`` says whose words the message may hold. ``max_tokens`` bounds the turn, 0 does not.
    """

    command_id: CommandId | None = None
    source: str | None = None
    origins: tuple[str, ...] = ()
    max_tokens: int = 0

    @property
    def surface(self) -> str:
        """Where the message came from, as the policy is told."""
        return "socket" if self.source is None else "proactive"

    def written_to(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return a history's line with the members that tell of the sender."""
        told = dict(record)
        if self.command_id is not None:
            told["id"] = self.command_id
        if self.source is not None:
            told["source"] = self.source
        if self.max_tokens:
            told["max_tokens"] = self.max_tokens
        return with_origins(told, self.origins)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Sender:
        """Read back what a history's line, or an ``accepted`` event, tells of the sender."""
        return cls(
            record.get("id"),
            record.get("source"),
            origins_of_record(record),
            record.get("max_tokens") or 0,
        )
