"""Commands about tools."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase, SessionId

__all__ = ["ToolList"]


class ToolList(CommandBase):
    """Tell which tools there are.

    Users other than the daemon's own and root are told of what they may use: tools without
    effects.
    """

    action: Literal["tool_list"] = "tool_list"
    session_id: SessionId | None = None
    """A session of the caller; then the tools of its skills are told as well."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""
