"""A tool that a skill brings along: its parameters are the skill's own, its effects are ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Effect, Outcome, Risk, TurnScope
from ruster.tools.typed import WrongUse, nearest

__all__ = ["BroughtTool"]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True)
class BroughtTool(ABC):
    """``skill`` brings the tool described by ``spec``."""

    skill: str
    spec: ToolSpec

    effects: ClassVar[frozenset[Effect]]
    cost: ClassVar[Cost] = Cost.EXPENSIVE
    risk: ClassVar[Risk] = Risk.MEDIUM
    confined: ClassVar[bool] = False

    @property
    def target(self) -> str | None:
        """What a call acts on, for the policy: the skill, as if it were a program."""
        return self.skill

    @abstractmethod
    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Do it; see ``core.tools.Tool``."""

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments if they fit the schema's first level; raises WrongUse.

        What lies deeper the tool has to look at by itself.
        """
        fields = self.spec.parameters.get("properties", {})
        for name in self.spec.parameters.get("required", ()):
            if name not in arguments:
                raise self._wrong(f"the argument {name!r} is missing")
        for name, value in arguments.items():
            if name not in fields:
                near = nearest(name[:100], list(fields))
                guess = f"; did you mean {near[0]!r}?" if near else ""
                raise self._wrong(f"there is no argument {name[:100]!r}{guess}")
            if not _fits(value, fields[name]):
                raise self._wrong(f"the argument {name!r} is of the wrong type")
        return dict(arguments)

    def _wrong(self, problem: str) -> WrongUse:
        fields = self.spec.parameters.get("properties", {})
        told = ", ".join(f"{name} ({_type_of(field)})" for name, field in fields.items())
        usage = f"{self.spec.name} takes {told or 'no arguments'}"
        return WrongUse(f"{self.spec.name}: {problem}", usage)


def _fits(value: object, field: object) -> bool:
    if not isinstance(field, Mapping):
        return field is not False
    if "enum" in field and isinstance(field["enum"], list):
        return value in field["enum"]
    wanted = _TYPES.get(_type_of(field))
    if wanted is None:
        return True
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _type_of(field: object) -> str:
    kind = field.get("type") if isinstance(field, Mapping) else None
    return kind if isinstance(kind, str) else "any"
