"""All checks of the daemon, by name and in the order they are told.

A further check is one function and one line here. ``missing`` is for what the configuration or an
installed skill asks for and does not get.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ruster.checks.abilities import (
    check_engine,
    check_memory,
    check_model,
    check_policy,
    check_sandbox,
    check_scripts,
    check_skills,
    start_script_process,
)
from ruster.checks.machine import Exposed, check_disk, check_open_files, check_permissions
from ruster.config.loader import Loaded
from ruster.config.paths import Paths
from ruster.core.ports import LocalEngine
from ruster.handlers.doctor import Check
from ruster.llm.router import Models
from ruster.memory.embedding.meaning import AskMeaning
from ruster.sandbox.probe import probe
from ruster.skills.library import SkillLibrary
from ruster.storage.disk import Disk
from ruster.trust.trust import Trust

__all__ = ["CheckParts", "build_checks"]


@dataclass(frozen=True, slots=True)
class CheckParts:
    """What is looked at. ``first_download`` names the model that a message would bring here."""

    loaded: Loaded
    paths: Paths
    environment: Mapping[str, str]
    disk: Disk
    models: Models
    default_model: Callable[[], str]
    first_download: Callable[[], str | None]
    engine: Callable[[], LocalEngine]
    trust: Trust
    library: SkillLibrary
    meaning: AskMeaning
    skill_folders: tuple[Path, ...]
    gateway: Check


def build_checks(parts: CheckParts) -> dict[str, Check]:
    """Return all checks; nothing is looked at before one is called."""
    settings = parts.loaded.settings
    exposed = Exposed.of(parts.loaded, parts.paths, parts.environment, parts.skill_folders)

    def chain() -> tuple[str, ...]:
        return tuple(dict.fromkeys((parts.default_model(), *settings.llm.fallback_models)))

    return {
        "sandbox": partial(check_sandbox, probe),
        "scripts": partial(check_scripts, parts.library, start_script_process),
        "engine": lambda: check_engine(parts.engine().missing, parts.default_model()),
        "model": lambda: check_model(parts.models, chain(), parts.first_download()),
        "policy": partial(check_policy, parts.trust),
        "skills": partial(check_skills, parts.library),
        "memory": partial(check_memory, settings.memory, parts.meaning),
        "gateway": parts.gateway,
        "permissions": partial(asyncio.to_thread, check_permissions, exposed),
        "disk": partial(asyncio.to_thread, check_disk, parts.disk, parts.paths.data),
        "open_files": partial(asyncio.to_thread, check_open_files, settings),
    }
