"""What a skill is, and what the turn and the tools need of skills.

The turn calls ``SkillChooser.choose`` once for every message of the user and puts
``SkillChoice.prompt`` behind its system prompt; for each skill in ``SkillChoice.fresh`` it tells
``skill_used``. The tools ask ``SkillCatalogue`` for the tools and scripts of the skills that are
active. Who runs a tool's ``exec`` or a skill's ``script`` asks the policy first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ruster.core.messages import Message
from ruster.core.tools import TurnScope

__all__ = [
    "ChosenBy",
    "ChosenSkill",
    "Problem",
    "Ranked",
    "Severity",
    "Shortlist",
    "Skill",
    "SkillCatalogue",
    "SkillChoice",
    "SkillChooser",
    "SkillKind",
    "SkillTool",
]


class SkillKind(StrEnum):
    """Where a skill's abilities come from."""

    INSTRUCTIONS = "instructions"
    """A text for the model, perhaps with tools and programs beside it."""
    SCRIPT = "script"
    """A script in the restricted language, with a text that says how to call it."""
    PYTHON = "python"
    """A Python package's entry point: trusted code in the daemon's own process."""


@dataclass(frozen=True, slots=True)
class SkillTool:
    """A tool that a skill brings along.

    ``exec`` is a command line for ``bash -c``, run in ``working_dir`` (in the skill's folder unless
    absolute). Skills of Python packages give ``call`` in its place.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    exec: str = ""
    working_dir: str | None = None
    call: Callable[[Mapping[str, Any]], str | Awaitable[str]] | None = None


@dataclass(frozen=True, slots=True)
class Skill:
    """The first level of a skill: all but its body and its resources.

    ``file`` is what was read (None for Python skills), ``folder`` the resolved folder with its
    resources (None for skills in one file), ``script`` the file that a script runner runs.
    """

    name: str
    description: str
    kind: SkillKind = SkillKind.INSTRUCTIONS
    file: Path | None = None
    folder: Path | None = None
    script: Path | None = None
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    tools: tuple[SkillTool, ...] = ()


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """The skill is left out."""
    NONSTANDARD = "nonstandard"
    """The skill works here, but breaks a rule of the standard: other agents may refuse it."""
    WARNING = "warning"
    """The skill works."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a skill: the file or entry point, the line (from 1, if known), why."""

    source: str
    line: int | None
    reason: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{where}: {self.reason}"


class ChosenBy(StrEnum):
    """Why a skill takes part in a turn; the first that holds, in this order."""

    NAMED = "named"
    """The message begins with ``/name``, or mentions the skill."""
    PINNED = "pinned"
    """Added to the session."""
    INITIAL = "initial"
    """Set up for every session."""
    MODEL = "model"
    """A model chose it from the shortlist."""
    KEYWORDS = "keywords"
    """Its description shares telling words with the message."""
    KEPT = "kept"
    """Chosen for an earlier message; it stays for some turns."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A skill on the shortlist; ``clear`` says that it stands out even without a model's word."""

    skill: Skill
    score: float
    clear: bool


@dataclass(frozen=True, slots=True)
class ChosenSkill:
    """A skill that takes part; ``turns_left`` counts the turns after this one that it will stay."""

    skill: Skill
    by: ChosenBy
    why: str
    turns_left: int | None = None


@dataclass(frozen=True, slots=True)
class SkillChoice:
    """What was chosen for one message, and how it came about.

    ``prompt`` holds the bodies of the chosen skills for the system prompt, and is empty when none
    was chosen; ``fresh`` are those chosen for this very message. ``left_out`` tells, by name, why a
    skill that was asked for takes no part. ``asked`` is the model that was asked, ``failure`` what
    went wrong with it.
    """

    chosen: tuple[ChosenSkill, ...] = ()
    prompt: str = ""
    shortlist: tuple[Ranked, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    asked: str | None = None
    failure: str | None = None

    @property
    def fresh(self) -> tuple[ChosenSkill, ...]:
        """Return the skills that this message brought in."""
        new = (ChosenBy.NAMED, ChosenBy.MODEL, ChosenBy.KEYWORDS)
        return tuple(one for one in self.chosen if one.by in new)


class SkillChooser(Protocol):
    """Chooses the skills of a turn."""

    async def choose(
        self, scope: TurnScope, model: str, message: str, recent: Sequence[Message] = ()
    ) -> SkillChoice:
        """Choose for one message of a session whose model is ``model``; ``recent`` came before it.

        What was chosen earlier grows older by one turn. Never raises but when cancelled: on any
        failure fewer skills are chosen.
        """
        ...


class SkillCatalogue(Protocol):
    """The installed skills that may be used."""

    async def find(self, name: str) -> Skill:
        """Return a skill by name; raises SkillError when there is none or it is banned."""
        ...

    async def active(self, scope: TurnScope) -> tuple[Skill, ...]:
        """Return the skills that take part in the session's present turn."""
        ...

    def resource(self, skill: Skill, relative: str) -> Path:
        """Return a file of the skill's folder (blocks); raises SkillError if it is not in it."""
        ...


class Shortlist(Protocol):
    """Finds the skills that may fit a message; vectors may take the place of keywords."""

    async def rank(self, message: str, skills: Sequence[Skill], limit: int) -> tuple[Ranked, ...]:
        """Return up to ``limit`` of the skills, the best first; none when none fits."""
        ...
