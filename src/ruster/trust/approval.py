"""One question to a person: the exact call, what it would do, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ruster.core.errors import StorageError, ToolError
from ruster.core.tools import Action
from ruster.protocol.commands import ApprovalScope
from ruster.trust.digest import fingerprint
from ruster.trust.rules import Rule

__all__ = ["Answer", "Approval", "Question", "State"]


class State(StrEnum):
    """What became of a question."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; never changes. ``created`` and ``expires`` are seconds since the epoch."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    sha256: str
    effects: tuple[str, ...]
    risk: str
    reason: str
    target: str | None
    session_id: str
    session_key: str
    owner: int
    surface: str
    turn: str
    created: float
    expires: float
    scopes: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Write it as a line of the journal."""
        return asdict(self) | {"arguments": dict(self.arguments)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Question:
        """Read it from a line of the journal; raises TypeError or KeyError."""
        fields = {name: record[name] for name in cls.__slots__}
        for name in ("effects", "scopes"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said: ``by`` names the person, or why nobody said anything."""

    state: State
    by: str
    scope: ApprovalScope = ApprovalScope.ONCE
    reason: str | None = None


@dataclass(slots=True, eq=False)
class Approval:
    """A question on its way. The first answer stands; ``closed`` is done when it is on the disk.

    ``rule`` is the grant that the person may give beyond this call.
    """

    question: Question
    deadline: float
    rule: Rule | None
    closed: asyncio.Future[None]
    answer: Answer | None = None
    failure: StorageError | None = None
    shown: bool = False
    used: bool = field(default=False)

    @property
    def state(self) -> State:
        """What became of it so far."""
        return self.answer.state if self.answer is not None else State.PENDING

    def use(self, action: Action) -> None:
        """Take the approval for a call, once; raises ToolError unless it is the one shown."""
        if self.state is not State.APPROVED or self.used:
            raise ToolError(
                f"the approval {self.question.id} cannot be used (again)", code="approval_used"
            )
        self.used = True
        if fingerprint(action.tool, action.arguments) != self.question.sha256:
            raise ToolError(
                f"the approval {self.question.id} was given for other arguments",
                code="approval_mismatch",
            )
