"""All that has to do with skills, built from the settings: where they lie, who chooses, what counts
at once when it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.ports import ChatModels
from ruster.skills.activation import ActivationStore
from ruster.skills.choosing import ChoiceRules, Choosing
from ruster.skills.keywords import KeywordShortlist
from ruster.skills.library import SkillLibrary
from ruster.skills.service import SkillService
from ruster.storage.disk import Disk

__all__ = ["build_skills", "live_skill_settings", "skill_folders"]

_DEFAULT_HOME = Path("~/.config/ruster/skills")
_SHARED = (Path("~/.agent-skills"), Path("~/.agents/skills"), Path("~/.claude/skills"))


def skill_folders(settings: Settings, paths: Paths) -> tuple[Path, ...]:
    """Return the folders with skills, the first one counting first.

    The default for the user's own is wherever this installation has its configuration.
    """
    default = _DEFAULT_HOME.expanduser()
    named = [paths.config / "skills" if it == default else it for it in settings.skills_dirs]
    shared = [it.expanduser() for it in _SHARED] if settings.skills.shared_folders else []
    return tuple(
        dict.fromkeys(it.absolute() for it in (*named, paths.config / "extra_skills", *shared))
    )


def build_skills(settings: Settings, paths: Paths, models: ChatModels, disk: Disk) -> SkillService:
    """Put the parts together; nothing is looked for before ``library.start``."""
    own = settings.skills
    library = SkillLibrary(
        skill_folders(settings, paths),
        max_skills=own.max_skills,
        watched=own.watch,
        banned=settings.banned_skills,
    )
    rules = ChoiceRules(
        selector=settings.skill_selector,
        model=settings.skill_model,
        ttl_turns=settings.skill_ttl_turns,
        initial=settings.initial_skills,
    )
    shortlist = KeywordShortlist()
    choosing = Choosing(library, models, shortlist, rules, own)
    return SkillService(library, choosing, shortlist, ActivationStore(disk), own)


def live_skill_settings(skills: SkillService) -> Mapping[str, Callable[[Any], None]]:
    """Return what ``config_set`` changes at once, by key."""

    def rule(field: str) -> Callable[[Any], None]:
        def change(value: Any) -> None:
            skills.choosing.rules = replace(skills.choosing.rules, **{field: value})

        return change

    def ban(names: tuple[str, ...]) -> None:
        skills.library.banned = frozenset(names)

    return {
        "skill_selector": rule("selector"),
        "skill_model": rule("model"),
        "skill_ttl_turns": rule("ttl_turns"),
        "initial_skills": rule("initial"),
        "banned_skills": ban,
    }
