"""The installed skills while the daemon runs: found at the start, kept up to date, looked up."""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path

from ruster.core.errors import SkillError
from ruster.core.skills import Problem, Severity, Skill
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.skills.discovery import Catalogue, Scanner
from ruster.skills.fields import is_skill_name
from ruster.skills.files import contained_file
from ruster.skills.reading import read_skill
from ruster.skills.registered import read_registered
from ruster.skills.watching import watch

__all__ = ["SkillLibrary"]

_log = logging.getLogger("ruster.skills")


class SkillLibrary:
    """All skills below ``roots`` and of Python packages; ``banned`` may be changed any time."""

    def __init__(
        self, roots: Sequence[Path], *, max_skills: int, watched: bool, banned: Collection[str]
    ) -> None:
        self._roots = tuple(roots)
        self._max_skills = max_skills
        self._watched = watched
        self.banned = frozenset(banned)
        self._scanner = Scanner(self._roots, max_skills)
        self._catalogue = Catalogue()
        self._usable: tuple[Catalogue, frozenset[str], tuple[Skill, ...]] | None = None
        self._found = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for skills; whoever asks for them waits for the first look."""
        self._task = spawn(self._run(), name="skills")

    async def aclose(self) -> None:
        """Stop watching."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def catalogue(self) -> Catalogue:
        """Return what there is now, banned or not."""
        await self._found.wait()
        return self._catalogue

    async def usable(self) -> tuple[Skill, ...]:
        """Return the skills that are not banned; the same tuple for as long as nothing changes."""
        catalogue, banned = await self.catalogue(), self.banned
        if self._usable is None or self._usable[:2] != (catalogue, banned):
            skills = tuple(it for it in catalogue.skills.values() if it.name not in banned)
            self._usable = (catalogue, banned, skills)
        return self._usable[2]

    async def find(self, name: str) -> Skill:
        """Return a skill that may be used; raises SkillError (or ``skill_banned``)."""
        skill = await self.look_up(name)
        if name in self.banned:
            raise SkillError(
                f"the skill {name!r} is banned; "
                f'unban it with {{"action":"skill_unban","skill":"{name}"}}',
                code="skill_banned",
            )
        return skill

    async def look_up(self, name: str) -> Skill:
        """Return a skill, banned or not; raises SkillError."""
        skills = (await self.catalogue()).skills
        if (skill := skills.get(name)) is not None:
            return skill
        close = difflib.get_close_matches(name[:64], skills, 1)
        nearest = (
            f"; did you mean {close[0]!r}?" if close else "; skill_search finds those there are"
        )
        raise SkillError(f"there is no skill {name[:64]!r}{nearest}")

    async def body(self, skill: Skill) -> str:
        """Return a skill's body, its second level, as it is on the disk at this moment.

        Raises SkillError (``skill_invalid``).
        """
        if skill.file is None:
            return self._catalogue.bodies.get(skill.name, "")
        place = skill.file if skill.folder is None else skill.file.parent
        reading = await asyncio.to_thread(self._scanner.read, place)
        if reading.skill is None:
            why = "; ".join(str(it) for it in reading.problems if it.severity is Severity.ERROR)
            raise SkillError(f"the skill {skill.name!r} is broken: {why}", code="skill_invalid")
        return reading.body

    def resource(self, skill: Skill, relative: str) -> Path:
        """Return a file of the skill's folder (blocks); raises SkillError (``skill_invalid``)."""
        if skill.folder is None:
            raise SkillError(f"the skill {skill.name!r} has no folder", code="skill_invalid")
        return contained_file(skill.folder, relative)

    async def validate(self, what: str | None) -> tuple[Skill | None, tuple[Problem, ...]]:
        """Check one skill, by name or path, or tell what is wrong with all of them."""
        if what is None:
            return None, (await self.catalogue()).problems
        path = Path(what)
        if is_skill_name(what):
            skill = await self.look_up(what)
            if skill.file is None:
                return skill, ()
            path = skill.folder or skill.file
        elif "\0" in what or not path.is_absolute():
            raise SkillError("name a skill, or give an absolute path", code="skill_invalid")
        reading = await asyncio.to_thread(read_skill, path)
        return reading.skill, reading.problems

    async def _run(self) -> None:
        registered = await asyncio.to_thread(read_registered)
        self._scanner = Scanner(self._roots, self._max_skills, registered)
        try:
            await self._look()
        finally:
            self._found.set()
        if not self._watched:
            return
        changes = watch(self._roots, lambda: self._catalogue.folders)
        async with aclosing(changes) as stream:
            async for _ in stream:
                await self._look()

    async def _look(self) -> None:
        """Look through all folders and tell in the log what is new."""
        before, after = self._catalogue, await asyncio.to_thread(self._scanner.scan)
        if after == before:
            return
        self._catalogue = after
        _tell_problems(set(after.problems) - set(before.problems))
        names, known = set(after.skills), set(before.skills)
        changed = {it for it in names & known if after.skills[it] != before.skills[it]}
        for what, these in (
            ("found", names - known),
            ("gone", known - names),
            ("changed", changed),
        ):
            if these:
                _log.info("skills %s: %s", what, ", ".join(sorted(these)[:50]))


def _tell_problems(problems: Iterable[Problem]) -> None:
    for problem in sorted(problems, key=str)[:50]:
        level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
        _log.log(level, "%s", problem)
