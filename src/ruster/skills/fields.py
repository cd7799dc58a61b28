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
_BETWEEN_WORDS = re.compile(r"[ _.:]+")
_STANDARD = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
_OURS = ("tools", "script", "instructions")


def is_skill_name(name: str) -> bool:
    """Say whether a text may be a skill's name."""
    return len(name) <= MAX_NAME and _NAME.match(name) is not None


class Fields:
    """Reads the fields of one skill; every broken rule becomes a ``Problem`` in ``problems``.

    What the standard asks agents to bear is mended and told: a name that is missing, not that of
    the folder or not written as it should be, a description that is too long, a colon in a text
    without quotes. Optional fields that break a rule are told and ignored.
    """

    def __init__(self, head: Head, source: str) -> None:
        self._head = head
        self._source = source
        self.problems: list[Problem] = []
        for key in head.values:
            if key not in _STANDARD and key not in _OURS:
                self._warn(key, f"the field {key[:80]!r} is not known and ignored")
        for key in head.unquoted:
            reason = f"put quotes around the value of {key[:80]!r}: there is a colon in it"
            self._breach(key, reason)

    @property
    def sound(self) -> bool:
        """Whether no rule was broken that leaves the skill out."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)

    def name(self, expected: str | None) -> str:
        """Read the name, which should be ``expected`` (what its folder or file is called).

        Where nothing is expected, in code, nothing is mended.
        """
        if "name" not in self._head.values and expected is not None and is_skill_name(expected):
            reason = f"the field 'name' is missing: the skill is called {expected!r} here"
            self._breach(None, reason)
            return expected
        name = self._required("name")
        if not name or is_skill_name(name):
            if name and expected is not None and name != expected:
                reason = f"the name {name!r} must be that of its folder or file, {expected!r}"
                self._breach("name", reason)
            return name
        reason = (
            f"the name {name[:80]!r} must be at most {MAX_NAME} small letters, digits and hyphens, "
            "with no hyphen at the beginning, at the end or next to another"
        )
        mended = _BETWEEN_WORDS.sub("-", name.lower())
        if expected is None or not is_skill_name(mended):
            self._tell("name", reason)
            return name
        self._breach("name", f"{reason}: it is {mended!r} here")
        return mended

    def description(self) -> str:
        """Read what the skill does and when to use it; what is too long is cut after a word."""
        whole = self._required("description")
        text = " ".join(whole.split())
        if len(whole) > MAX_DESCRIPTION:
            allowed = f"{MAX_DESCRIPTION} are allowed: the rest is cut"
            self._breach("description", f"description has {len(whole)} characters; {allowed}")
        if len(text) > MAX_DESCRIPTION:
            text = text[: MAX_DESCRIPTION + 1].rpartition(" ")[0] or text[:MAX_DESCRIPTION]
        return text

    def license(self) -> str:
        """Read the licence's name."""
        return self._text("license", None)[:_MAX_TEXT]

    def compatibility(self) -> str:
        """Read what the skill needs of its surroundings."""
        return self._text("compatibility", MAX_COMPATIBILITY)

    def script(self) -> str:
        """Read the relative path of the script."""
        return self._text("script", _MAX_TEXT, Severity.ERROR)

    def metadata(self) -> dict[str, str]:
        """Read the map of further names and values; all become texts."""
        value = self._head.values.get("metadata")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._breach("metadata", "metadata must be a map of names and values")
            return {}
        if len(value) > _MAX_ENTRIES:
            self._warn(
                "metadata", f"metadata has more than {_MAX_ENTRIES} entries: the rest is cut"
            )
        entries = list(value.items())[:_MAX_ENTRIES]
        return {str(key)[:80]: _plain(item)[:_MAX_TEXT] for key, item in entries}

    def allowed_tools(self) -> tuple[str, ...]:
        """Read the tools that need no question: one text with spaces, or a list."""
        value = self._head.values.get("allowed-tools")
        if value is None:
            return ()
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._breach("allowed-tools", "allowed-tools must be names with spaces between them")
            return ()
        if len(value) > _MAX_ENTRIES:
            self._warn("allowed-tools", f"allowed-tools may name {_MAX_ENTRIES}: the rest is cut")
        return tuple(value[:_MAX_ENTRIES])

    def tools(self) -> tuple[SkillTool, ...]:
        """Read the tools the skill brings along."""
        value = self._head.values.get("tools")
        if value is None:
            return ()
        if _only_names(value):
            self._warn("tools", "tools names tools of another agent and is ignored")
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
                self._warn("tools", reason)
        return tuple(found.values())

    def _required(self, key: str) -> str:
        """Read a field that must be there and say something."""
        if key not in self._head.values:
            self._tell(None, f"the field {key!r} is missing")
            return ""
        if self._head.texts.get(key, "-").strip() == "":
            self._tell(key, f"{key} must not be empty")
            return ""
        return self._text(key, None, Severity.ERROR)

    def _text(
        self, key: str, longest: int | None, severity: Severity = Severity.NONSTANDARD
    ) -> str:
        """Read a field that is one text; one that breaks a rule counts as missing."""
        if key not in self._head.values:
            return ""
        text = self._head.texts.get(key, "").strip()
        if key not in self._head.texts:
            reason = f"{key} must be one text"
        elif longest is not None and len(text) > longest:
            reason = f"{key} has {len(text)} characters; {longest} are allowed"
        elif any(ord(char) < 32 and char not in "\n\t\r" for char in text):
            reason = f"{key} has control characters"
        else:
            return text
        self._tell(key, reason, severity)
        return ""

    def _breach(self, key: str | None, reason: str) -> None:
        self._tell(key, reason, Severity.NONSTANDARD)

    def _warn(self, key: str, reason: str) -> None:
        self._tell(key, reason, Severity.WARNING)

    def _tell(self, key: str | None, reason: str, severity: Severity = Severity.ERROR) -> None:
        line = None if key is None else self._head.lines.get(key)
        self.problems.append(Problem(self._source, line, reason, severity))


def _only_names(tools: Any) -> bool:
    """Say whether ``tools`` has no tool of ours, but names as other agents write them."""
    names = tools if isinstance(tools, list) else [tools]
    return all(isinstance(name, str) for name in names)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | Mapping):
        return json.dumps(value, default=str, ensure_ascii=False)
    return "" if value is None else str(value)
