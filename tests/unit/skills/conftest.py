"""Makers of skills on the disk, and of the parts that handle them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ruster.core.skills import Skill

MakeSkill = Callable[..., Path]


@pytest.fixture
def make_skill(tmp_path: Path) -> MakeSkill:
    """Write a skill's folder below ``tmp_path/skills`` (or ``root``)."""

    def make(
        name: str,
        description: str = "d",
        body: str = "b",
        fields: str = "",
        root: Path | None = None,
    ) -> Path:
        folder = (root or tmp_path / "skills") / name
        folder.mkdir(parents=True, exist_ok=True)
        head = f"name: {name}\ndescription: {description}\n{fields}"
        (folder / "SKILL.md").write_text(f"---\n{head}\n---\n{body}\n", "utf-8")
        return folder

    return make


def skill(name: str, description: str = "d") -> Skill:
    """Make a skill that exists in memory only."""
    return Skill(name, description)
