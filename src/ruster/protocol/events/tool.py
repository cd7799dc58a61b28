"""Answers to commands about tools."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = ["ToolListing", "ToolSummary"]


class ToolSummary(BaseModel):
    """A tool in a list."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    effects: list[str]
    """`reads`, `writes`, `network`, `executes`, `spends`; none if it only computes."""
    risk: str
    """`low`, `medium`, `high` or `critical`."""
    parameters: dict[str, Any]
    """What it takes, as a JSON Schema."""
    skill: str | None = None
    """The skill that brings it; absent if it comes with ruster or with an installed package."""


class ToolListing(Reply):
    """The tools there are, in order of name."""

    event: Literal["tool_list"] = "tool_list"
    session_id: str | None = None
    tools: list[ToolSummary]
