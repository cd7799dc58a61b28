"""Skills of Python packages: entry points of the group ``ruster.skills``.

An entry point names a module, an object, or a function without arguments that makes one. It has
``name``, ``description`` and ``instructions``, perhaps ``license``, ``compatibility``,
``metadata``, ``allowed_tools``, and ``tools``: maps as in SKILL.md, or ``SkillTool`` with ``call``.
A ``folder`` is where its resources lie. It is code of the daemon: whoever installs the package
trusts it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ruster.core.skills import Problem, Skill, SkillKind, SkillTool
from ruster.skills.fields import Fields
from ruster.skills.frontmatter import Head
from ruster.skills.reading import Reading
from ruster.skills.tool_entry import BadTool, check_schema

__all__ = ["ENTRY_POINTS", "read_registered"]

ENTRY_POINTS = "ruster.skills"
"""The entry point group; the entry's name is only for people."""

_log = logging.getLogger("ruster.skills")
_FIELDS = ("name", "description", "license", "compatibility", "metadata")


def read_registered(entries: Iterable[EntryPoint] | None = None) -> list[Reading]:
    """Load all registered skills (blocks); one that fails becomes a problem."""
    found = entry_points(group=ENTRY_POINTS) if entries is None else entries
    return [_read(entry) for entry in sorted(found, key=lambda entry: entry.name)]


def _read(entry: EntryPoint) -> Reading:
    source = f"entry point {entry.name} ({entry.value})"
    try:
        given = entry.load()
        if isinstance(given, type) or (callable(given) and not hasattr(given, "instructions")):
            given = given()
        return _checked(given, source)
    except Exception as error:  # noqa: BLE001 - a third party's code
        _log.warning("%s cannot be loaded", source, exc_info=error)
        reason = f"cannot be loaded: {type(error).__name__}: {error}"
        return Reading(None, problems=(Problem(source, None, reason),))


def _checked(given: Any, source: str) -> Reading:
    values = {name: value for name in _FIELDS if (value := getattr(given, name, None)) is not None}
    if (allowed := getattr(given, "allowed_tools", None)) is not None:
        values["allowed-tools"] = allowed if isinstance(allowed, str) else list(allowed)
    own, plain = _tools(getattr(given, "tools", ()))
    if plain:
        values["tools"] = plain
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    fields = Fields(Head(values, texts, {}), source)
    for tool in own:
        try:
            check_schema(tool.parameters)
        except BadTool as error:
            fields.problems.append(Problem(source, None, f"tool {tool.name}: {error}"))
    folder = getattr(given, "folder", None)
    skill = Skill(
        name=fields.name(None),
        description=fields.description(),
        kind=SkillKind.PYTHON,
        folder=None if folder is None else Path(folder).resolve(),
        license=fields.license(),
        compatibility=fields.compatibility(),
        metadata=fields.metadata(),
        allowed_tools=fields.allowed_tools(),
    )
    skill = replace(skill, tools=(*fields.tools(), *own))
    body = getattr(given, "instructions", "")
    if not isinstance(body, str):
        fields.problems.append(Problem(source, None, "instructions must be one text"))
    return Reading(skill if fields.sound else None, str(body).strip(), tuple(fields.problems))


def _tools(given: Sequence[object]) -> tuple[list[SkillTool], list[object]]:
    own = [tool for tool in given if isinstance(tool, SkillTool)]
    return own, [tool for tool in given if not isinstance(tool, SkillTool)]
