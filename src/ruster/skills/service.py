"""All that others ask of skills: the turn, the tools, and the commands.

Implements ``core.skills.SkillChooser`` and ``core.skills.SkillCatalogue``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog

from ruster.core.errors import RusterError, SkillError
from ruster.core.messages import Message
from ruster.core.skills import Problem, Ranked, Shortlist, Skill, SkillChoice
from ruster.core.tools import TurnScope
from ruster.skills.activation import Activation, ActivationStore
from ruster.skills.choosing import Choosing, Occasion
from ruster.skills.library import SkillLibrary
from ruster.skills.settings import SkillSettings

__all__ = ["SkillService"]

_log = structlog.stdlib.get_logger("ruster.skills")


class SkillService:
    """The skills of a running daemon. ``folder`` is always a session's own folder."""

    def __init__(
        self,
        library: SkillLibrary,
        choosing: Choosing,
        shortlist: Shortlist,
        store: ActivationStore,
        settings: SkillSettings,
    ) -> None:
        self.library = library
        self.choosing = choosing
        self._shortlist = shortlist
        self._store = store
        self._settings = settings

    # For the turn

    async def choose(
        self, scope: TurnScope, model: str, message: str, recent: Sequence[Message] = ()
    ) -> SkillChoice:
        """Choose for a message, and remember it for the turns to come; see ``SkillChooser``."""
        try:
            activation = await self._store.read(scope.folder)
            choice = await self.choosing.choose(Occasion(message, model, recent, activation))
            active = {
                it.skill.name: it.turns_left for it in choice.chosen if it.turns_left is not None
            }
            if active != activation.active:
                await self._store.change(
                    scope.folder, lambda now: Activation(now.pinned, now.removed, active)
                )
        except (RusterError, OSError) as error:
            _log.error("skills_failed", session=scope.session_id, reason=str(error))
            return SkillChoice(failure=str(error))
        if choice.chosen:
            names = [it.skill.name for it in choice.chosen]
            _log.info("skills", session=scope.session_id, turn=scope.turn, skills=names)
        return choice

    # For the tools

    async def find(self, name: str) -> Skill:
        """Return a skill that may be used; raises SkillError."""
        return await self.library.find(name)

    async def active(self, scope: TurnScope) -> tuple[Skill, ...]:
        """Return the skills that take part in the session's present turn."""
        return await self.active_in(scope.folder)

    def resource(self, skill: Skill, relative: str) -> Path:
        """Return a file of the skill's folder (blocks); raises SkillError if it is not in it."""
        return self.library.resource(skill, relative)

    # For the commands

    async def active_in(self, folder: Path) -> tuple[Skill, ...]:
        """Return the skills that a session has now."""
        activation = await self._store.read(folder)
        return self.choosing.present(activation, await self.library.usable())

    async def preview(
        self, folder: Path, model: str, message: str, recent: Sequence[Message] = ()
    ) -> SkillChoice:
        """Choose for a message without remembering anything; raises StorageError."""
        activation = await self._store.read(folder)
        return await self.choosing.choose(Occasion(message, model, recent, activation))

    async def add(self, folder: Path, name: str) -> Skill:
        """Have a skill take part in every turn of a session; durable when this returns.

        Raises SkillError (``skill_banned``, ``skill_limit``) or StorageError.
        """
        skill = await self.library.find(name)
        limit = self._settings.max_pinned

        def pin(now: Activation) -> Activation:
            if name not in now.pinned and len(now.pinned) >= limit:
                raise SkillError(
                    f"{limit} skills were added to the session already; remove some",
                    code="skill_limit",
                )
            return now.pin(name)

        await self._store.change(folder, pin)
        return skill

    async def remove(self, folder: Path, name: str) -> None:
        """Take a skill out of a session; it comes back only when it is added or named.

        Raises SkillError if the session does not have it and there is none of that name.
        """
        if name not in (await self._store.read(folder)).pinned:
            await self.library.look_up(name)
        await self._store.change(folder, lambda now: now.remove(name))

    async def search(self, query: str, limit: int) -> tuple[Ranked, ...]:
        """Find skills that may be used by words; without words all of them, by name."""
        skills = await self.library.usable()
        if not query.strip():
            ordered = sorted(skills, key=lambda it: it.name)[:limit]
            return tuple(Ranked(it, 0.0, clear=False) for it in ordered)
        found = {it.skill.name: it for it in await self._shortlist.rank(query, skills, limit)}
        parts = query.lower().split()[:16]
        for skill in skills:  # parts of words as well: a person is still typing
            if len(found) >= limit:
                break
            text = f"{skill.name} {skill.description.lower()}"
            if all(part in text for part in parts):
                found.setdefault(skill.name, Ranked(skill, 0.0, clear=False))
        return tuple(found.values())

    async def validate(self, what: str | None) -> tuple[Skill | None, tuple[Problem, ...]]:
        """Check one skill, by name or path, or tell what is wrong with all of them."""
        return await self.library.validate(what)
