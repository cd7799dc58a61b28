"""What single tools need of the rest of the house, as Protocols; a tool whose port is not there is
not offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ruster.core.messages import Message
from ruster.core.tools import TurnScope

__all__ = [
    "FORGET",
    "Asker",
    "ConversationView",
    "Deleted",
    "MemoryPort",
    "Recollection",
    "Reminders",
    "SkillScript",
    "SkillScripts",
]


class ConversationView(Protocol):
    """What a turn's own session can be asked."""

    async def model(self, scope: TurnScope) -> str:
        """Return the full name of the session's model."""
        ...

    async def tail(self, scope: TurnScope, limit: int) -> tuple[int, Sequence[Message]]:
        """Return how many messages there are, and the last ``limit`` of them."""
        ...


class Asker(Protocol):
    """Puts a question to the person of a session."""

    async def question(self, text: str, scope: TurnScope) -> bool:
        """Wait until the person says something; False when nothing came in time.

        What is said comes to the turn as the user's next message. Cancelling withdraws the
        question.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recollection:
    """Something remembered; ``origin`` names where it came from when that is not to be trusted."""

    text: str
    origin: str | None = None


FORGET = "forget"
"""The name of the tool that deletes memories: a turn that called it is not remembered."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted for good, each memory with its text.

    When a wish meant too much nothing was deleted, and ``refused`` says how many it meant. With
    what was deleted went so many ``summaries`` that were made of it.
    """

    memories: tuple[Recollection, ...] = ()
    refused: int = 0
    summaries: int = 0


class MemoryPort(Protocol):
    """What is kept beyond a conversation; all raise errors of the tree."""

    async def remember(self, scope: TurnScope, text: str) -> None:
        """Keep a fact; ``scope.taint`` tells whether it may be somebody else's words."""
        ...

    async def recall(self, scope: TurnScope, query: str, limit: int) -> Sequence[Recollection]:
        """Return what fits the query best, best first."""
        ...

    async def delete(self, scope: TurnScope, query: str) -> Deleted:
        """Delete what says what the query says, of the owner and of this session."""
        ...


class Reminders(Protocol):
    """Has something done later."""

    async def schedule(
        self, scope: TurnScope, when: str, text: str, *, as_task: bool = False
    ) -> str:
        """Keep ``text`` for ``when`` (in words, or as a cron line); return when that will be.

        It is said then, or done ``as_task``. Raises JobError when the time cannot be understood.
        """
        ...


@dataclass(frozen=True, slots=True)
class SkillScript:
    """A script of a skill: the skill's folder, and how to start it there."""

    folder: Path
    argv: tuple[str, ...]


class SkillScripts(Protocol):
    """Finds the scripts of skills."""

    async def find(self, scope: TurnScope, skill: str, script: str) -> SkillScript:
        """Return a script below the skill's ``scripts/``; raises ToolError."""
        ...
