"""Settings of skills: the limits. What people change often lies at the top of the settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Selector", "SkillName", "SkillSettings"]

SkillName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A skill's name: small letters, digits and single hyphens between them."""

Selector = Literal["llm", "keywords", "hybrid"]
"""Who chooses skills for a message."""


class SkillSettings(BaseModel):
    """How skills are found and chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shared_folders: bool = False
    """Also look for skills in the folders that agents share: `~/.agent-skills`, `~/.agents/skills`
    and `~/.claude/skills`."""
    watch: bool = True
    """Whether changes in the folders with skills take effect while the daemon runs."""
    max_skills: int = Field(default=1000, ge=1, le=10000)
    """Skills taken in; those beyond it are left out."""
    max_active: int = Field(default=8, ge=1, le=32)
    """Skills that may take part in one turn."""
    max_pinned: int = Field(default=16, ge=1, le=64)
    """Skills one session may have added."""
    prompt_bytes: int = Field(default=24 * 1024, ge=1024, le=1 << 20)
    """Bytes that the bodies of one turn's skills may have together."""
    shortlist_size: int = Field(default=8, ge=1, le=64)
    """Skills that the model is asked about."""
    choice_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long the model may think about the choice of skills, in seconds."""
