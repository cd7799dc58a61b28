"""A rule of a policy: which calls it is about, and what it says to them.

A rule that allows must be certain: it needs every word of a plain command, and all effects among
those it names. A rule that denies or asks is generous: one matching word or effect is enough.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from ruster.core.errors import ToolError
from ruster.core.tools import ActionKind, Effect, Risk
from ruster.trust.digest import canonical, fingerprint
from ruster.trust.facts import Facts, path_of

__all__ = ["RISKS", "Rule", "rest_of"]

RISKS = tuple(Risk)
"""From the least to the worst."""
_DEEP = "/**"


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Rule(BaseModel):
    """One rule; a field that is absent does not narrow it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject_kind: Annotated[Literal["tool", "command"], BeforeValidator(_lower)]
    """`Tool`: by the tool's name. `Command`: by the first words of a command that a tool runs."""
    subject_name: Annotated[str, Field(min_length=1, max_length=1024)]
    """The name; in tools' names `*` stands for any characters; `*` alone for all."""
    action: Annotated[ActionKind, BeforeValidator(_lower)]
    """`Allow`, `Ask` or `Deny`."""
    when_contains_args: dict[str, StrictStr | bool | int | float] | None = None
    """Arguments by name: text that must occur in theirs, or a value that must equal theirs."""
    reason: Annotated[str, Field(max_length=1000)] | None = None
    """Told to the person who is asked, or to the model that is refused."""
    owner: StrictInt | None = None
    """The uid of the session's owner."""
    session: str | None = None
    surface: str | None = None
    effects: frozenset[Effect] | None = None
    """To allow, all effects of the call must be among them; to deny or ask, one."""
    max_risk: Risk | None = None
    min_risk: Risk | None = None
    tainted: bool | None = None
    """Whether the turn has read text of doubtful origin."""
    folder: str | None = None
    """The target is this folder or lies directly in it; with `/**` at its end, anywhere below."""
    host: str | None = None
    """The target's host, with its port unless that is 443; `*.` at its start for all below it."""
    command: tuple[str, ...] | None = None
    """The command consists of exactly these words."""
    arguments_sha256: str | None = None
    rest_sha256: str | None = None
    """Fingerprint of the arguments without the target."""

    def matches(self, facts: Facts) -> bool:
        """Whether the rule is about this call."""
        return (
            self._is_about_turn(facts)
            and self._is_about_tool(facts)
            and self._fits_effects(facts)
            and self._contains(facts)
            and self._hits_target(facts)
            and self._fits_arguments(facts)
        )

    def _is_about_turn(self, facts: Facts) -> bool:
        scope = facts.scope
        return (
            self.owner in (None, scope.owner)
            and self.session in (None, scope.session_id)
            and self.surface in (None, scope.surface)
            and self.tainted in (None, bool(scope.taint))
        )

    def _is_about_tool(self, facts: Facts) -> bool:
        if self.subject_kind == "tool":
            return fnmatchcase(facts.action.tool, self.subject_name)
        if Effect.EXECUTES not in facts.action.effects:
            return False
        if self.subject_name == "*":
            return True
        wanted = tuple(self.subject_name.split())
        if self.action is ActionKind.ALLOW:
            return facts.words is not None and facts.words[: len(wanted)] == wanted
        return _mentions(facts.tokens, wanted)

    def _fits_effects(self, facts: Facts) -> bool:
        effects, risk = facts.action.effects, RISKS.index(facts.action.risk)
        if self.max_risk is not None and risk > RISKS.index(self.max_risk):
            return False
        if self.min_risk is not None and risk < RISKS.index(self.min_risk):
            return False
        if self.effects is None:
            return True
        if self.action is ActionKind.ALLOW:
            return effects <= self.effects
        return bool(effects & self.effects)

    def _contains(self, facts: Facts) -> bool:
        missing = object()
        for name, wanted in (self.when_contains_args or {}).items():
            value = facts.action.arguments.get(name, missing)
            if isinstance(wanted, str) and isinstance(value, str):
                if wanted not in value:
                    return False
            elif type(wanted) is not type(value) or wanted != value:
                return False
        return True

    def _hits_target(self, facts: Facts) -> bool:
        if self.folder is not None and not _in_folder(facts.path, self.folder):
            return False
        if self.host is not None and not _on_host(facts.host, self.host):
            return False
        return self.command is None or facts.words == self.command

    def _fits_arguments(self, facts: Facts) -> bool:
        action = facts.action
        try:
            exact = self.arguments_sha256
            if exact is not None and exact != fingerprint(action.tool, action.arguments):
                return False
            return self.rest_sha256 is None or self.rest_sha256 == rest_of(facts)
        except ToolError:  # no JSON: nothing was ever granted for it
            return False


def rest_of(facts: Facts) -> str:
    """Return a fingerprint of the arguments other than the target; raises ToolError."""
    action = facts.action
    rest = {name: value for name, value in action.arguments.items() if value != action.target}
    return hashlib.sha256(canonical([sorted(action.arguments), rest]).encode()).hexdigest()


def _mentions(tokens: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the words occur in a row, the first perhaps as the end of a path."""
    for start in range(len(tokens) - len(wanted) + 1):
        first, *others = tokens[start : start + len(wanted)]
        if first.rpartition("/")[2] == wanted[0] and tuple(others) == wanted[1:]:
            return True
    return False


def _in_folder(path: Path | None, folder: str) -> bool:
    root = path_of(folder.removesuffix(_DEEP) or "/")
    if path is None or root is None:
        return False
    return path.is_relative_to(root) if folder.endswith(_DEEP) else root in (path, path.parent)


def _on_host(host: str | None, wanted: str) -> bool:
    if host is None:
        return False
    wanted = wanted.lower()
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted
