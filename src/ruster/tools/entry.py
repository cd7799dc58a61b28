"""A tool as the registry holds it, ours and those of others alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruster.core.messages import ToolSpec
from ruster.core.tools import Action, Cost, Effect, Outcome, Risk, Tool, TurnScope
from ruster.tools.brought import BroughtTool
from ruster.tools.typed import TypedTool

__all__ = ["Entry", "name_of", "spec_bytes"]

_WRAPPING_BYTES = len('{"type":"function","function":},')


@dataclass(frozen=True, slots=True)
class Entry:
    """A tool with what is derived from it."""

    tool: Tool

    @property
    def spec(self) -> ToolSpec:
        """Its name, description and parameters."""
        return self.tool.spec

    @property
    def expensive(self) -> bool:
        """Whether a call may take minutes."""
        return self.tool.cost is Cost.EXPENSIVE

    @property
    def whole(self) -> bool:
        """Whether its output is shown in whole."""
        return isinstance(self.tool, TypedTool) and self.tool.paged

    @property
    def waits(self) -> bool:
        """Whether a call waits for a person."""
        return isinstance(self.tool, TypedTool) and self.tool.waits

    @property
    def skill(self) -> str | None:
        """The skill that brought it along."""
        return self.tool.skill if isinstance(self.tool, BroughtTool) else None

    @property
    def main(self) -> str | None:
        """The argument meant by a bare text: the tool's choice, or the only one there can be."""
        if isinstance(self.tool, TypedTool) and self.tool.main is not None:
            return self.tool.main
        for key in ("required", "properties"):
            names = list(self.spec.parameters.get(key, ()))
            if len(names) == 1:
                return str(names[0])
        return None

    @property
    def risk(self) -> Risk:
        """How bad a wrong call would be; of tools that do not say, what their effects suggest."""
        if isinstance(self.tool, TypedTool | BroughtTool):
            return self.tool.risk
        return _risk(self.tool.effects)

    def permitted(self, *, privileged: bool) -> bool:
        """Whether a user may use it at all."""
        return privileged or not self.tool.effects

    def action(self, arguments: Mapping[str, Any], scope: TurnScope) -> Action:
        """Return a call with its arguments as they will be used; raises ToolError."""
        name, effects = name_of(self.tool), self.tool.effects
        if isinstance(self.tool, BroughtTool):
            target, confined = self.tool.target, self.tool.confined
            used = self.tool.check(arguments)
            return Action(name, used, effects, self.risk, target, confined)
        if not isinstance(self.tool, TypedTool):
            return Action(name, dict(arguments), effects, self.risk)
        checked = self.tool.check(arguments)
        used = checked.model_dump(mode="json", exclude_unset=True)
        target = self.tool.target(checked, scope)
        confined = self.tool.confines(checked, scope)
        return Action(name, used, effects, self.risk, target, confined)

    async def invoke(self, action: Action, scope: TurnScope) -> Outcome:
        """Do what the action says."""
        return await self.tool.invoke(action.arguments, scope)


def name_of(tool: Tool) -> str:
    """Return a tool's name; ours need not write their schema for that, which takes a while."""
    return tool.name if isinstance(tool, TypedTool) else tool.spec.name


def spec_bytes(spec: ToolSpec) -> int:
    """Return how many bytes a tool takes in a request, as most providers write it."""
    body = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return len(json.dumps(body, ensure_ascii=False).encode(errors="replace")) + _WRAPPING_BYTES


def _risk(effects: frozenset[Effect]) -> Risk:
    if effects & {Effect.EXECUTES, Effect.SPENDS}:
        return Risk.HIGH
    return Risk.MEDIUM if effects & {Effect.WRITES, Effect.NETWORK} else Risk.LOW
