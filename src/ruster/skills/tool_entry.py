"""One entry under ``tools:`` of a skill, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ruster.core.skills import SkillTool

__all__ = ["TOOL_FIELDS", "BadTool", "check_schema", "read_tool"]

TOOL_FIELDS = frozenset(("name", "description", "parameters", "exec", "working_dir"))
_MAX_DESCRIPTION = 1024
_MAX_EXEC = 4096
_MAX_SCHEMA_CHARS = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class BadTool(Exception):
    """The entry breaks a rule; the reason is for people."""


def read_tool(entry: object) -> SkillTool:
    """Make a tool of an entry; raises BadTool."""
    if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
        raise BadTool("it must be a map with name, description, parameters and exec")
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        raise BadTool("its name must be 1 to 64 letters, digits, _ or -")
    folder = entry.get("working_dir")
    if folder is not None:
        folder = _text(entry, "working_dir", _MAX_EXEC)
    parameters = entry.get("parameters")
    if parameters is not None:
        check_schema(parameters)
    return SkillTool(
        name=name,
        description=" ".join(_text(entry, "description", _MAX_DESCRIPTION).split()),
        parameters=parameters or {"type": "object", "properties": {}},
        exec=_text(entry, "exec", _MAX_EXEC),
        working_dir=folder,
    )


def check_schema(parameters: object) -> None:
    """Refuse parameters that are no JSON Schema of an object; raises BadTool."""
    if not isinstance(parameters, Mapping):
        raise BadTool("parameters must be a JSON Schema of an object")
    try:
        size = len(json.dumps(parameters, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise BadTool("parameters hold what is no JSON; put dates and the like in quotes") from None
    if size > _MAX_SCHEMA_CHARS:
        raise BadTool(f"parameters are longer than {_MAX_SCHEMA_CHARS} characters")
    if parameters and parameters.get("type") != "object":
        raise BadTool('parameters must have "type: object"')
    properties, required = parameters.get("properties", {}), parameters.get("required", [])
    if not isinstance(properties, Mapping) or not all(
        isinstance(value, Mapping | bool) for value in properties.values()
    ):
        raise BadTool("parameters.properties must map names to schemas")
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise BadTool("parameters.required must be a list of names")


def _text(entry: Mapping[str, Any], key: str, longest: int) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest or "\0" in value:
        raise BadTool(f"{key} must be a text of 1 to {longest} characters")
    return value.strip()
