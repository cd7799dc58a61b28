"""The scripts in the folders of skills, for the tool that runs them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ruster.core.errors import SkillError, ToolError
from ruster.core.skills import SkillCatalogue
from ruster.core.tool_ports import SkillScript
from ruster.core.tools import TurnScope

__all__ = ["ScriptFinder"]

_FOLDER = "scripts"
_STARTS = {".sh": ("/bin/bash",), ".bash": ("/bin/bash",), ".py": ("python3",)}


class ScriptFinder:
    """Implements ``core.tool_ports.SkillScripts``."""

    def __init__(self, catalogue: SkillCatalogue) -> None:
        self._catalogue = catalogue

    async def find(self, scope: TurnScope, skill: str, script: str) -> SkillScript:
        """Return a script below the skill's ``scripts/``; raises ToolError."""
        try:
            found = await self._catalogue.find(skill)
            name = script.removeprefix(f"{_FOLDER}/")
            file = await asyncio.to_thread(self._catalogue.resource, found, f"{_FOLDER}/{name}")
        except SkillError as error:
            raise ToolError(error.message, code=error.code) from error
        assert found.folder is not None  # it has a file in it
        return SkillScript(found.folder, await asyncio.to_thread(_start, file))


def _start(file: Path) -> tuple[str, ...]:
    """Return how a script is started: by its own first line if it may, else by its ending."""
    if os.access(file, os.X_OK):
        return (str(file),)
    start = _STARTS.get(file.suffix)
    if start is None:
        raise ToolError(
            f"{file.name} cannot be started; make it executable, or end its name with .sh or .py"
        )
    return (*start, str(file))
