"""The policy: rules outside the model, heard anew at every call. The last rule that matches wins.

built in < ``trust.auto_allow`` < ``policy.json`` < ``policy_path`` < ``policy_json``. A grant turns
"ask" into "allow", never "deny"; then come the floors, which only make a decision stricter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ruster.core.tools import Action, ActionKind, Decision, Effect, TurnScope
from ruster.trust.facts import Facts
from ruster.trust.floors import FLOOR, hold_floors
from ruster.trust.rules import Rule
from ruster.trust.settings import TrustSettings
from ruster.trust.sources import RuleFile, RuleList, parse_rules

__all__ = ["Explanation", "RulePolicy", "Source", "open_sources"]

_WORDS = {
    ActionKind.ALLOW: "it is allowed",
    ActionKind.ASK: "it needs a person's approval",
    ActionKind.DENY: "it is not allowed",
}


class Source(Protocol):
    """Some rules in order. ``problem`` says why they may be old."""

    @property
    def name(self) -> str: ...

    @property
    def problem(self) -> str | None: ...

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules as they are now."""
        ...


class Granted(Protocol):
    """What people have allowed for longer than once."""

    def find(self, facts: Facts) -> str | None:
        """Name the grant that covers a call."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with all that matched, from the weakest to the one that decided."""

    decision: Decision
    matched: tuple[Decision, ...]


class RulePolicy:
    """Implements ``core.tools.Policy``."""

    def __init__(
        self,
        sources: Sequence[Source],
        grants: Granted,
        *,
        folders: Sequence[Path] = (),
        protected: Sequence[Path] = (),
    ) -> None:
        """``folders`` may be read; ``protected`` are ruster's own."""
        self._sources = tuple(sources)
        self._grants = grants
        self._folders = tuple(folders)
        self._protected = tuple(protected)

    def decide(self, action: Action, scope: TurnScope) -> Decision:
        """Say whether an action may happen, by which rule, and why."""
        return self.explain(action, scope).decision

    def explain(self, action: Action, scope: TurnScope) -> Explanation:
        """Decide, and tell everything that was heard on the way."""
        facts = Facts.of(action, scope)
        matched = [self._built_in(facts)]
        for source in self._sources:
            rules = enumerate(source.rules(), 1)
            matched += [_said(rule, source, n) for n, rule in rules if rule.matches(facts)]
        if matched[-1].kind is ActionKind.ASK and (grant := self._grants.find(facts)) is not None:
            matched.append(Decision(ActionKind.ALLOW, grant, "you have allowed it"))
        decision = hold_floors(self._distrust_broken(matched[-1]), facts, self._protected)
        if decision is not matched[-1]:
            matched.append(decision)
        return Explanation(decision, tuple(matched))

    def problems(self) -> tuple[str, ...]:
        """Say what is wrong with the files of rules as they are now."""
        for source in self._sources:
            source.rules()
        return tuple(it.problem for it in self._sources if it.problem is not None)

    def _built_in(self, facts: Facts) -> Decision:
        effects = facts.action.effects
        if not effects:
            return Decision(ActionKind.ALLOW, "built in: computes", "it only computes")
        if facts.action.confined:
            reason = "it reaches only what is the session's own"
            return Decision(ActionKind.ALLOW, "built in: confined", reason)
        readable = (facts.scope.folder, *self._folders)
        if effects == {Effect.READS} and any(facts.inside(folder) for folder in readable):
            return Decision(ActionKind.ALLOW, "built in: reads", "it reads in a folder it may read")
        return Decision(ActionKind.ASK, "built in: all else", "no rule allows it")

    def _distrust_broken(self, decision: Decision) -> Decision:
        """Ask for everything while a file of rules cannot be read."""
        for source in self._sources:
            if source.problem is not None and decision.kind is ActionKind.ALLOW:
                return Decision(ActionKind.ASK, f"{FLOOR}broken policy", source.problem)
        return decision


def open_sources(settings: TrustSettings, policy_file: Path) -> tuple[Source, ...]:
    """Read all rules (blocks); raises ConfigError (``policy_invalid``)."""
    sources: list[Source] = [
        RuleList.allowing("trust.auto_allow", settings.auto_allow),
        RuleFile(policy_file),
    ]
    if settings.policy_path is not None:
        sources.append(RuleFile(settings.policy_path, required=True))
    if settings.policy_json is not None:
        name = "trust.policy_json"
        sources.append(RuleList(name, parse_rules(settings.policy_json, name)))
    return tuple(sources)


def _said(rule: Rule, source: Source, number: int) -> Decision:
    return Decision(
        rule.action, f"{source.name}, rule {number}", rule.reason or _WORDS[rule.action]
    )
