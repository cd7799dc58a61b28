"""The fields of a skill, checked: one set of rules for every kind of skill."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ruster.core.skills import Problem, Severity, SkillTool
from ruster.skills.frontmatter import Head
from ruster.skills.tool_entry import TOOL_FIELDS, BadTool, read_tool

__all__ = ["MAX_COMPATIBILITY", "MAX_DESCRIPTION", "MAX_NAME", "Fields", "is_skill_name"]

MAX_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500
_MAX_TEXT = 1024
_MAX_ENTRIES = 64
_MAX_TOOLS = 32

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_STANDARD = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
_OURS = ("tools", "script", "instructions")


def is_skill_name(name: str) -> bool:
    """Say whether a text may be a skill's name."""
    return len(name) <= MAX_NAME and _NAME.match(name) is not None


class Fields:
    """Reads the fields of one skill; every broken rule becomes a ``Problem`` in ``problems``."""

    def __init__(self, head: Head, source: str) -> None:
        self._head = head
        self._source = source
        self.problems: list[Problem] = []
        for key in head.values:
            if key not in _STANDARD and key not in _OURS:
                self._tell(key, f"the field {key[:80]!r} is not known and ignored", warning=True)

    @property
    def sound(self) -> bool:
        """Whether no rule was broken that leaves the skill out."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)

    def name(self, expected: str | None) -> str:
        """Read the name, which must be ``expected`` (what its folder or file is called)."""
        name = self._text("name", MAX_NAME, required=True)
        if name and not is_skill_name(name):
            self._tell(
                "name",
                f"the name {name!r} must be small letters, digits and hyphens, with no hyphen at "
                "the beginning, at the end or next to another",
            )
        elif name and expected is not None and name != expected:
            self._tell(
                "name", f"the name {name!r} must be that of its folder or file, {expected!r}"
            )
        return name

    def description(self) -> str:
        """Read what the skill does and when to use it."""
        return " ".join(self._text("description", MAX_DESCRIPTION, required=True).split())

    def license(self) -> str:
        """Read the licence's name."""
        return self._text("license", _MAX_TEXT)

    def compatibility(self) -> str:
        """Read what the skill needs of its surroundings."""
        return self._text("compatibility", MAX_COMPATIBILITY)

    def script(self) -> str:
        """Read the relative path of the script."""
        return self._text("script", _MAX_TEXT)

    def metadata(self) -> dict[str, str]:
        """Read the map of further names and values; all become texts."""
        value = self._head.values.get("metadata")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._tell("metadata", "metadata must be a map of names and values")
            return {}
        if len(value) > _MAX_ENTRIES:
            self._tell("metadata", f"metadata may have {_MAX_ENTRIES} entries")
            return {}
        return {str(key)[:80]: _plain(item)[:_MAX_TEXT] for key, item in value.items()}

    def allowed_tools(self) -> tuple[str, ...]:
        """Read the tools that need no question: one text with spaces, or a list."""
        value = self._head.values.get("allowed-tools")
        if value is None:
            return ()
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._tell("allowed-tools", "allowed-tools must be names with spaces between them")
            return ()
        if len(value) > _MAX_ENTRIES:
            self._tell("allowed-tools", f"allowed-tools may name {_MAX_ENTRIES} tools")
            return ()
        return tuple(value)

    def tools(self) -> tuple[SkillTool, ...]:
        """Read the tools the skill brings along."""
        value = self._head.values.get("tools")
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > _MAX_TOOLS:
            self._tell("tools", f"tools must be a list of at most {_MAX_TOOLS} tools")
            return ()
        found: dict[str, SkillTool] = {}
        for number, entry in enumerate(value, 1):
            try:
                tool = read_tool(entry)
                if tool.name in found:
                    raise BadTool(f"the name {tool.name!r} stands there twice")
            except BadTool as error:
                self._tell("tools", f"tool {number}: {error}")
                continue
            found[tool.name] = tool
            if surplus := sorted(set(entry) - TOOL_FIELDS):
                reason = f"tool {number}: {surplus[0][:80]!r} is not known and ignored"
                self._tell("tools", reason, warning=True)
        return tuple(found.values())

    def _text(self, key: str, longest: int, *, required: bool = False) -> str:
        """Read a field that is one text."""
        if key not in self._head.values:
            if required:
                self._tell(None, f"the field {key!r} is missing")
            return ""
        text = self._head.texts.get(key)
        if text is None:
            self._tell(key, f"{key} must be one text")
            return ""
        text = text.strip()
        if required and not text:
            self._tell(key, f"{key} must not be empty")
        elif len(text) > longest:
            self._tell(key, f"{key} has {len(text)} characters; {longest} are allowed")
        elif any(ord(char) < 32 and char not in "\n\t\r" for char in text):
            self._tell(key, f"{key} has control characters")
        return text

    def _tell(self, key: str | None, reason: str, *, warning: bool = False) -> None:
        line = None if key is None else self._head.lines.get(key)
        severity = Severity.WARNING if warning else Severity.ERROR
        self.problems.append(Problem(self._source, line, reason, severity))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | Mapping):
        return json.dumps(value, default=str, ensure_ascii=False)
    return "" if value is None else str(value)
