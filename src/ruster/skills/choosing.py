"""Which skills take part in a turn: those that are named, added or set up, then those that fit.

What fits is found in two steps. A shortlist costs nothing and is mostly empty; only when it is not,
a model is asked. When it cannot be asked, or gives no list, those that stand out on the shortlist
are taken, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from ruster.core.answering import NoAnswer
from ruster.core.errors import SkillError
from ruster.core.messages import Message
from ruster.core.ports import ChatModels
from ruster.core.skills import ChosenBy, ChosenSkill, Ranked, Shortlist, Skill, SkillChoice
from ruster.skills.activation import Activation
from ruster.skills.asking import ask_model
from ruster.skills.library import SkillLibrary
from ruster.skills.mentions import named_in
from ruster.skills.prompt import render
from ruster.skills.settings import Selector, SkillSettings

__all__ = ["ChoiceRules", "Choosing", "Occasion"]

_log = structlog.stdlib.get_logger("ruster.skills")
_MAX_ASKED = 64


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """What people set: who chooses, which model (empty: the session's own), for how many turns a
    choice stays, and the skills that every session begins with.
    """

    selector: Selector = "hybrid"
    model: str = ""
    ttl_turns: int = 3
    initial: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is to be chosen for: a message, what came before it, the session's model and skills."""

    message: str
    model: str
    recent: Sequence[Message] = ()
    activation: Activation = field(default_factory=Activation)


@dataclass(slots=True)
class _Draft:
    """A choice in the making: names to how they came in."""

    usable: dict[str, Skill]
    banned: frozenset[str]
    picks: dict[str, tuple[ChosenBy, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    shortlist: tuple[Ranked, ...] = ()
    asked: str | None = None
    failure: str | None = None

    def pick(self, name: str, by: ChosenBy, why: str) -> None:
        """Take a skill in unless it is in, or say why it cannot be."""
        if name in self.usable:
            self.picks.setdefault(name, (by, why))
        elif by is not ChosenBy.KEPT:
            banned = "it is banned" if name in self.banned else "there is no such skill"
            self.left_out[name] = banned


class Choosing:
    """Makes choices; ``rules`` may be replaced any time."""

    def __init__(
        self,
        library: SkillLibrary,
        models: ChatModels,
        shortlist: Shortlist,
        rules: ChoiceRules,
        settings: SkillSettings,
    ) -> None:
        self._library = library
        self._models = models
        self._shortlist = shortlist
        self._settings = settings
        self.rules = rules

    async def choose(self, occasion: Occasion) -> SkillChoice:
        """Choose for a message; nothing is remembered."""
        skills = await self._library.usable()
        draft = _Draft({it.name: it for it in skills}, self._library.banned)
        commanded = self._pick_named(draft, occasion)
        for name in occasion.activation.pinned:
            draft.pick(name, ChosenBy.PINNED, "it was added to the session")
        for name in self.rules.initial:
            if name not in occasion.activation.removed:
                draft.pick(name, ChosenBy.INITIAL, "every session begins with it")
        if not commanded:
            await self._pick_fitting(draft, skills, occasion)
        for name, turns in occasion.activation.active.items():
            if turns > 0:
                draft.pick(name, ChosenBy.KEPT, "it was chosen for an earlier message")
        return await self._finish(draft, occasion.activation.active)

    def present(self, activation: Activation, skills: Sequence[Skill]) -> tuple[Skill, ...]:
        """Return the skills of the present turn, as the last choice left them."""
        by_name = {it.name: it for it in skills}
        initial = (it for it in self.rules.initial if it not in activation.removed)
        names = dict.fromkeys((*activation.active, *activation.pinned, *initial))
        return tuple(by_name[it] for it in names if it in by_name)[: self._settings.max_active]

    def _pick_named(self, draft: _Draft, occasion: Occasion) -> bool:
        """Pick what the message names; say whether it began with a command."""
        named = named_in(occasion.message, draft.usable.keys() | draft.banned)
        for name, why in named.items():
            draft.pick(name, ChosenBy.NAMED, why)
        return any(why.startswith("the message begins") for why in named.values())

    async def _pick_fitting(
        self, draft: _Draft, skills: Sequence[Skill], occasion: Occasion
    ) -> None:
        """Find what fits the message; skills that a person removed do not come back by it."""
        size, removed = self._settings.shortlist_size, occasion.activation.removed
        known = len(draft.picks) + len(removed)
        ranked = await self._shortlist.rank(occasion.message, skills, size + known)
        taken = draft.picks.keys() | set(removed)
        draft.shortlist = tuple(it for it in ranked if it.skill.name not in taken)[:size]
        kept = {name for name, turns in occasion.activation.active.items() if turns > 0}
        asked_about = [it.skill for it in draft.shortlist if it.skill.name not in kept]
        if self.rules.selector == "llm":
            further = (it for it in skills if it.name not in taken | kept)
            asked_about = list({it.name: it for it in (*asked_about, *further)}.values())
        if self.rules.selector == "keywords" or not asked_about:
            self._pick_clear(draft, kept, "its description shares telling words with the message")
            return
        await self._ask(draft, asked_about[:_MAX_ASKED], occasion, kept)

    async def _ask(
        self, draft: _Draft, skills: Sequence[Skill], occasion: Occasion, kept: set[str]
    ) -> None:
        draft.asked = self.rules.model or occasion.model
        given = (skills, occasion.message, occasion.recent)
        try:
            names = await ask_model(
                self._models, draft.asked, given, self._settings.choice_timeout_s
            )
        except NoAnswer as error:
            draft.failure = str(error)
            _log.warning("skills_not_chosen", model=draft.asked, reason=draft.failure)
            self._pick_clear(draft, kept, "it stands out, and the model could not be asked")
            return
        for name in names:
            draft.pick(name, ChosenBy.MODEL, f"{draft.asked} chose it")

    def _pick_clear(self, draft: _Draft, kept: set[str], why: str) -> None:
        for ranked in draft.shortlist:
            if ranked.clear and ranked.skill.name not in kept:
                draft.pick(ranked.skill.name, ChosenBy.KEYWORDS, why)

    async def _finish(self, draft: _Draft, active: Mapping[str, int]) -> SkillChoice:
        """Read the bodies of what was picked, up to the limit, and write the prompt."""
        listed = {it.skill.name for it in draft.shortlist}
        chosen: list[ChosenSkill] = []
        bodies: list[tuple[Skill, str]] = []
        for name, (by, why) in draft.picks.items():
            if len(chosen) >= self._settings.max_active:
                draft.left_out[name] = f"{len(chosen)} skills take part already"
                continue
            skill = draft.usable[name]
            try:
                bodies.append((skill, await self._library.body(skill)))
            except SkillError as error:
                draft.left_out[name] = error.message
                continue
            chosen.append(ChosenSkill(skill, by, why, self._turns_left(name, by, active, listed)))
        return SkillChoice(
            chosen=tuple(chosen),
            prompt=render(bodies, self._settings.prompt_bytes),
            shortlist=draft.shortlist,
            left_out=draft.left_out,
            asked=draft.asked,
            failure=draft.failure,
        )

    def _turns_left(
        self, name: str, by: ChosenBy, active: Mapping[str, int], listed: set[str]
    ) -> int | None:
        """Count the turns a choice stays; one that fits again stays as long as a new one."""
        if by in (ChosenBy.PINNED, ChosenBy.INITIAL):
            return None
        if by is ChosenBy.KEPT and name not in listed:
            return active[name] - 1
        return self.rules.ttl_turns
