"""Commands about skills."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase, SessionCommand, SessionId

__all__ = [
    "SkillAdd",
    "SkillBan",
    "SkillCommand",
    "SkillDryRun",
    "SkillList",
    "SkillName",
    "SkillRemove",
    "SkillSearch",
    "SkillShow",
    "SkillUnban",
    "SkillValidate",
]

SkillName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="The name of a skill.",
    ),
]


class SkillAdd(SessionCommand):
    """Have a skill take part in every turn of a session from now on."""

    action: Literal["skill_add"] = "skill_add"
    skill: SkillName


class SkillRemove(SessionCommand):
    """Take a skill out of a session; it comes back only when it is added or named."""

    action: Literal["skill_remove"] = "skill_remove"
    skill: SkillName


class SkillDryRun(SessionCommand):
    """Tell which skills a message would bring in, and why; nothing is remembered."""

    action: Literal["skill_dry_run"] = "skill_dry_run"
    message: Annotated[str, Field(min_length=1, max_length=65536)]
    """What would be said."""


class SkillCommand(CommandBase):
    """A command about skills that may be said in a session."""

    session_id: SessionId | None = None
    """A session of the caller; then it is told which skills that session has."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class SkillList(SkillCommand):
    """Tell which skills a session has, and which are installed."""

    action: Literal["skill_list"] = "skill_list"
    limit: Annotated[int, Field(ge=1, le=500)] = 200
    """Installed skills to name."""
    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    """Installed skills to skip, in order of name."""


class SkillSearch(SkillCommand):
    """Find installed skills by words of their names and descriptions."""

    action: Literal["skill_search"] = "skill_search"
    query: Annotated[str, Field(max_length=1000)]
    """Words; empty for all skills."""
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    """Skills to return."""


class SkillShow(SkillCommand):
    """Tell all of one skill, its instructions included."""

    action: Literal["skill_show"] = "skill_show"
    skill: SkillName


class SkillBan(SkillCommand):
    """Never use a skill again, in no session; kept. For the daemon's own user and root."""

    action: Literal["skill_ban"] = "skill_ban"
    skill: SkillName


class SkillUnban(SkillCommand):
    """Let a skill be used again. For the daemon's own user and root."""

    action: Literal["skill_unban"] = "skill_unban"
    skill: SkillName


class SkillValidate(SkillCommand):
    """Check a skill, or tell what is wrong with all of them. For the daemon's own user and root."""

    action: Literal["skill_validate"] = "skill_validate"
    skill: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """The name of an installed skill, or the absolute path of a folder or file; else all."""
