"""What every command has."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

__all__ = [
    "CommandBase",
    "CommandId",
    "SessionCommand",
    "SessionId",
]

CommandId = (
    Annotated[StrictStr, Field(min_length=1, max_length=128)]
    | Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
)
SessionId = Annotated[
    str,
    Field(description="1 to 64 letters, digits or `. _ : @ + -`, not starting with punctuation."),
]


class CommandBase(BaseModel):
    """What every command has."""

    # A validator is built when its command first comes: most daemons see few of them.
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    action: str
    id: CommandId | None = None
    """Chosen by the client; every event this command causes carries it."""


class SessionCommand(CommandBase):
    """A command about one session."""

    session_id: SessionId
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""
