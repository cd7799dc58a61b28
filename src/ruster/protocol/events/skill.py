"""Answers to commands about skills."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "SkillAdded",
    "SkillBanned",
    "SkillChoiceSummary",
    "SkillDryRunReport",
    "SkillListing",
    "SkillProblem",
    "SkillRemoved",
    "SkillReport",
    "SkillResults",
    "SkillSummary",
    "SkillUnbanned",
    "SkillValidation",
]


class SkillSummary(BaseModel):
    """A skill in a list."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    kind: str
    """`instructions`, `script` or `python`."""
    active: bool | None = None
    """Whether the session has it now; absent if no session was named."""
    banned: bool = False
    score: float | None = None
    """How well it fits the words, by BM25; only in search results."""


class SkillListing(Reply):
    """The skills a session has, and those installed, in order of name."""

    event: Literal["skill_list"] = "skill_list"
    session_id: str | None = None
    active_skills: list[str]
    """Names of the skills the session has now."""
    skills: list[SkillSummary]
    total: int
    """Installed skills."""


class SkillResults(Reply):
    """The skills that were found, the best first."""

    event: Literal["skill_search_results"] = "skill_search_results"
    session_id: str | None = None
    results: list[SkillSummary]


class SkillReport(Reply):
    """All of one skill."""

    event: Literal["skill"] = "skill"
    session_id: str | None = None
    skill: SkillSummary
    instructions: str
    """The body, for the model."""
    license: str | None = None
    compatibility: str | None = None
    metadata: dict[str, str]
    allowed_tools: list[str]
    tools: list[dict[str, Any]]
    """Tools it brings along: `name`, `description` and `parameters`."""
    path: str | None = None
    """Where it lies; told to the daemon's own user and root."""


class SkillAdded(Reply):
    """The skill takes part in every turn of the session from now on."""

    event: Literal["skill_added"] = "skill_added"
    session_id: str
    skill: str


class SkillRemoved(Reply):
    """The session does not have the skill any more."""

    event: Literal["skill_removed"] = "skill_removed"
    session_id: str
    skill: str


class SkillBanned(Reply):
    """The skill is not used any more, in no session."""

    event: Literal["skill_banned"] = "skill_banned"
    session_id: str | None = None
    skill: str


class SkillUnbanned(Reply):
    """The skill may be used again."""

    event: Literal["skill_unbanned"] = "skill_unbanned"
    session_id: str | None = None
    skill: str


class SkillProblem(BaseModel):
    """What is wrong with a skill."""

    model_config = ConfigDict(frozen=True)

    source: str
    """The file, or the entry point of a Python package."""
    line: int | None = None
    reason: str
    severity: Literal["error", "nonstandard", "warning"]
    """With an error the skill is left out. Else it works; `nonstandard` breaks a rule of the
    standard, so that other agents may refuse it."""


class SkillValidation(Reply):
    """What `skill_validate` found."""

    event: Literal["skill_validation"] = "skill_validation"
    session_id: str | None = None
    valid: bool
    """Whether no rule is broken: there is nothing but warnings."""
    skill: SkillSummary | None = None
    """What was read, if one skill was checked and it can be used."""
    problems: list[SkillProblem]


class SkillChoiceSummary(BaseModel):
    """A skill that a message would bring in."""

    model_config = ConfigDict(frozen=True)

    skill: str
    by: str
    """`named`, `pinned`, `initial`, `model`, `keywords` or `kept`."""
    why: str
    turns_left: int | None = None
    """Further turns it would stay; absent if it stays until it is removed."""


class SkillDryRunReport(Reply):
    """What `skill_dry_run` found."""

    event: Literal["skill_dry_run"] = "skill_dry_run"
    session_id: str
    chosen: list[SkillChoiceSummary]
    shortlist: list[SkillSummary]
    """The skills whose descriptions share words with the message, with their scores."""
    left_out: dict[str, str]
    """Skill to why it takes no part although it was named, added or chosen."""
    asked: str | None = None
    """The model that was asked; absent when none was needed."""
    failure: str | None = None
    """Why that model could not be asked, or was of no use."""
    prompt_bytes: int
    """How much the chosen skills would add to the prompt."""
