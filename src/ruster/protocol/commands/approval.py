"""Commands about approvals."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase

__all__ = [
    "ApprovalId",
    "ApprovalList",
    "ApprovalScope",
    "Approve",
    "Reject",
]


class ApprovalScope(StrEnum):
    """How far an approval reaches."""

    ONCE = "once"
    SESSION = "session"
    ALWAYS = "always"


ApprovalId = Annotated[str, Field(pattern=r"^pa-[0-9a-f]{16}$", description="As it was shown.")]


class ApprovalList(CommandBase):
    """List the questions that wait; for the daemon's own user and root."""

    action: Literal["approval_list"] = "approval_list"
    watch: bool = False
    """Send `approval_required` and `approval_resolved` of all sessions from now on, without `seq`.
    The connection stays open."""


class Approve(CommandBase):
    """Let a tool do exactly what was shown; for the daemon's own user and root."""

    action: Literal["approve"] = "approve"
    approval_id: ApprovalId
    scope: Annotated[ApprovalScope, Field(strict=False)] = ApprovalScope.ONCE
    """This call (`once`), calls like it in this session (`session`), or calls like it in all the
    owner's sessions (`always`)."""


class Reject(CommandBase):
    """Keep a tool from doing what was shown; for the daemon's own user and root."""

    action: Literal["reject"] = "reject"
    approval_id: ApprovalId
    reason: Annotated[str, Field(max_length=500)] | None = None
    """Told to the model."""
