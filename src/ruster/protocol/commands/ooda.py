"""Commands about OODA cycles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ruster.protocol.commands.base import CommandBase, SessionId
from ruster.protocol.commands.goal import GoalId

__all__ = ["Observed", "OodaCycle", "OodaList"]


class Observed(BaseModel):
    """Something that was observed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    source: Annotated[str, Field(max_length=200)]
    """Who saw it."""
    key: Annotated[str, Field(max_length=200)]
    """What was looked at."""
    value: Annotated[str, Field(max_length=4000)]
    severity: Annotated[str, Field(max_length=40)] = "info"
    """`info`, `warning` or `error`; anything but `info` wants attention."""


class OodaCycle(CommandBase):
    """Go through one cycle: observe, orient, decide, act; for the daemon's own user and root.

    What is risky by its words waits for `approve`; the answer comes at once with the approval's
    name. What is allowed is carried out: the goal is marked as achieved, and a job that the action
    names, as `job:NAME`, is run.
    """

    action: Literal["ooda"] = "ooda"
    act: Annotated[str, Field(min_length=1, max_length=500)]
    """What is to be done, in words."""
    observations: Annotated[list[Observed], Field(max_length=100)] = Field(default_factory=list)
    goal_id: GoalId | None = None
    """The goal that is achieved by it."""
    session_id: SessionId | None = None
    """The session whose clients are asked as well, and whose model may speak."""
    model: bool = False
    """Have a model say what the observations mean; it decides nothing."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Whose goal, session and jobs are meant; yours without."""


class OodaList(CommandBase):
    """Tell of the last cycles, the newest first; for the daemon's own user and root."""

    action: Literal["ooda_list"] = "ooda_list"
    limit: Annotated[int, Field(ge=1, le=100)] = 20
