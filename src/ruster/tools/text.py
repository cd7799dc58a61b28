"""The ``/tool`` text: a tool called by a person, without any model.

``/tool`` alone lists the tools; ``/tool NAME ARGUMENTS`` runs one. The arguments are a JSON object,
words such as ``limit=5``, or the text of the tool's main argument.
"""

from __future__ import annotations

import json
import shlex
import unicodedata
from dataclasses import dataclass
from typing import Any, NoReturn

from ruster.core.errors import ToolError
from ruster.core.ids import new_id
from ruster.core.messages import ToolCall
from ruster.core.tools import Answered, Outcome, TurnScope
from ruster.tools.entry import Entry
from ruster.tools.registry import ToolRegistry
from ruster.tools.typed import TOOL_NAME, WrongUse

__all__ = ["ToolText", "ToolTexts", "parse_tool_text"]

_COMMAND = "/tool"


@dataclass(frozen=True, slots=True)
class ToolText:
    """A ``/tool`` text: without a name it asks for the list."""

    name: str | None
    arguments: str


def parse_tool_text(text: str, max_chars: int) -> ToolText | None:
    """Split a message that calls a tool; None if it is any other message.

    Raises WrongUse for a bad name, control characters, or arguments longer than ``max_chars``.
    """
    if text.rstrip() == _COMMAND:
        return ToolText(None, "")
    if not text.startswith(_COMMAND + " "):
        return None
    usage = f"write {_COMMAND} NAME ARGUMENTS; {_COMMAND} alone lists the tools"
    rest = text.removeprefix(_COMMAND + " ").strip(" ")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in rest):
        raise WrongUse(
            "the arguments hold control characters", r"write them in JSON, such as \n for a newline"
        )
    name, _, arguments = rest.partition(" ")
    if not TOOL_NAME.match(name):
        raise WrongUse(f"{name[:80]!r} is no name of a tool", usage)
    if len(arguments) > max_chars:
        raise WrongUse(
            f"the arguments are {len(arguments)} characters long, and may be {max_chars}",
            "put long text into a file",
        )
    return ToolText(name, arguments.strip(" "))


class ToolTexts:
    """Implements ``core.tools.ToolCommands``."""

    def __init__(self, registry: ToolRegistry, max_chars: int) -> None:
        self._registry = registry
        self._max_chars = max_chars

    async def answer(self, scope: TurnScope, text: str) -> Answered | None:
        """Run the tool that a message calls; see ``ToolCommands``."""
        try:
            parsed = parse_tool_text(text, self._max_chars)
            if parsed is None:
                return None
            if parsed.name is None:
                return Answered(await self.listing(scope))
            call = await self._called(scope, parsed)
        except WrongUse as error:
            return Answered(f"error: {error.message}\n{error.hint}")
        except ToolError as error:
            return Answered(f"error: {error.message}")
        self._registry.hear(scope, text)
        outcome = await self._registry.run(scope, call)
        return Answered(_shown(call.name, outcome), call, outcome)

    async def call(self, scope: TurnScope, text: str) -> ToolCall | None:
        """Return the call of a text that is one single line and can be read as one."""
        line = text.strip()
        if "\n" in line:
            return None
        try:
            parsed = parse_tool_text(line, self._max_chars)
            if parsed is None or parsed.name is None:
                return None
            return await self._called(scope, parsed)
        except ToolError:  # it only looks like a call
            return None

    async def listing(self, scope: TurnScope) -> str:
        """List the tools this user may use, in order of names."""
        entries = (await self._registry.available(scope)).values()
        lines = [f"{entry.spec.name}: {entry.spec.description}" for entry in entries]
        return "\n".join(lines) or "there are no tools"

    async def _called(self, scope: TurnScope, parsed: ToolText) -> ToolCall:
        entry = await self._registry.find(parsed.name or "", scope)
        return ToolCall(new_id("call"), entry.spec.name, _arguments(entry, parsed.arguments))


def _shown(name: str, outcome: Outcome) -> str:
    failed = " failed" if outcome.failed else ""
    hint = f"\n{outcome.hint}" if outcome.hint else ""
    return f"[tool:{name}]{failed}\n{outcome.text}{hint}"


def _arguments(entry: Entry, text: str) -> dict[str, Any]:
    if not text:
        return {}
    if text.startswith("{"):
        return _json(text)
    words = _words(entry, text)
    if words is not None:
        return words
    if entry.main is not None:
        return {entry.main: text}
    names = ", ".join(entry.spec.parameters.get("properties", {})) or "none"
    raise WrongUse(
        f"{entry.spec.name} needs the names of its arguments ({names})",
        'write name=value, or JSON such as {"name": "value"}',
    )


def _json(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        found = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise WrongUse(
            f"the arguments are not a JSON object: {str(error)[:100]}",
            'write them as {"name": "value"} or name=value',
        ) from None
    assert isinstance(found, dict)
    return found


def _words(entry: Entry, text: str) -> dict[str, Any] | None:
    """Read ``name=value`` words; None if the text is anything else."""
    fields = entry.spec.parameters.get("properties", {})
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError:  # quotes that are not closed: some other text
        return None
    if not all(equals and name in fields for name, equals, _ in pairs):
        return None
    found: dict[str, Any] = {}
    for name, _, value in pairs:
        if fields[name].get("type") == "array":
            found.setdefault(name, []).append(value)
        elif name in found:
            raise WrongUse(f"{name} is given twice", "give each argument once")
        else:
            found[name] = value
    return found
