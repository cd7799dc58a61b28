"""What a tool of ours is made of: a name, arguments as a model, effects, and one method.

The docstring of the class is what a model reads about the tool; the docstrings of the arguments'
fields are the rest. All of it is sent with requests, so it is short.
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ruster.core.errors import ToolError
from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Effect, Outcome, Risk, TurnScope

__all__ = ["TOOL_NAME", "Arguments", "TypedTool", "WrongUse", "nearest"]

TOOL_NAME = re.compile(r"[a-z0-9_-]{1,64}\Z")
_NOISE = ("title", "default", "additionalProperties")


class WrongUse(ToolError):
    """A call that cannot work as it is; ``hint`` tells the model how to call again."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Arguments(BaseModel):
    """What a tool takes; a field's docstring describes it for the model."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True
    )


_ArgumentsT = TypeVar("_ArgumentsT", bound=Arguments)


class TypedTool(ABC, Generic[_ArgumentsT]):
    """A tool with typed arguments.

    ``main`` is the argument meant by a bare text after ``/tool name``; the output of a ``paged``
    tool is bounded by its own arguments and shown in whole; a tool that ``waits`` for a person
    takes nobody's turn meanwhile; a ``confined`` one reaches nothing but the session's work folder
    or its owner's memory.
    """

    name: ClassVar[str]
    takes: type[_ArgumentsT]
    effects: frozenset[Effect] = frozenset()
    cost: Cost = Cost.CHEAP
    risk: ClassVar[Risk] = Risk.LOW
    main: ClassVar[str | None] = None
    paged: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    confined: ClassVar[bool] = False

    @cached_property
    def spec(self) -> ToolSpec:
        """What is offered to a model."""
        description = " ".join((self.__doc__ or "").split())
        return ToolSpec(self.name, description, _compact(self.takes.model_json_schema()))

    def check(self, arguments: Mapping[str, Any]) -> _ArgumentsT:
        """Return the arguments as they will be used; raises WrongUse."""
        try:
            return self.takes.model_validate(dict(arguments))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise WrongUse(
                f"{self.name}: {self._problem(problem['type'], place, problem['msg'])}",
                self._usage(),
            ) from None

    def target(self, arguments: _ArgumentsT, scope: TurnScope) -> str | None:
        """Return the one thing a call acts on, for the policy and for a person."""
        return None

    def confines(self, arguments: _ArgumentsT, scope: TurnScope) -> bool:
        """Whether a call reaches nothing but what is the session's own."""
        return self.confined

    @abstractmethod
    async def call(self, arguments: _ArgumentsT, scope: TurnScope) -> Outcome:
        """Do it; raises ToolError."""

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Implement ``core.tools.Tool``."""
        return await self.call(self.check(arguments), scope)

    def _problem(self, kind: str, place: str, message: str) -> str:
        shown = place[:100]
        if kind == "missing":
            return f"the argument {shown!r} is missing"
        if kind == "extra_forbidden":
            close = difflib.get_close_matches(shown, list(self.takes.model_fields), 1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            return f"there is no argument {shown!r}{guess}"
        return f"the argument {shown!r} is wrong: {message[:200]}"

    def _usage(self) -> str:
        fields = self.spec.parameters.get("properties", {})
        needed = self.spec.parameters.get("required", ())
        told = [
            f"{name} ({field.get('type', 'any')}{', required' if name in needed else ''})"
            for name, field in fields.items()
        ]
        return f"{self.name} takes {', '.join(told) or 'no arguments'}"


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """Return the names that come near, whatever the order of their words."""
    by_words = {_in_order(it): it for it in names}
    return [by_words[it] for it in difflib.get_close_matches(_in_order(name), [*by_words], 3)]


def _in_order(name: str) -> str:
    return "_".join(sorted(name.lower().replace("-", "_").split("_")))


def _compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema without what costs tokens and tells nothing."""
    fields = {name: _field(field) for name, field in schema.get("properties", {}).items()}
    compact: dict[str, Any] = {"type": "object", "properties": fields}
    if schema.get("required"):
        compact["required"] = schema["required"]
    return compact


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:  # "or nothing" is said by not being required
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        if len(kinds) == 1:
            schema = schema | kinds[0]
            del schema["anyOf"]
    if isinstance(schema.get("items"), dict):
        schema = schema | {"items": _field(schema["items"])}
    return {key: value for key, value in schema.items() if key not in _NOISE}
