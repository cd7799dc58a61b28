"""Skills that a message names: by a command, or in its text."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["named_in"]

_MAX_CHARS = 20_000
_COMMAND = re.compile(r"\s*/([a-z0-9-]{1,64})(?=\s|\Z)")
_MARKED = re.compile(r"(?:(?<=\s)|(?<=\A)|(?<=\())[/@$]([a-z0-9-]{1,64})(?![\w/.-])")
_QUOTED = re.compile(r"[`'\"]([a-z0-9-]{1,64})[`'\"]")
_HYPHENED = re.compile(r"(?<![\w/.-])([a-z0-9]+(?:-[a-z0-9]+)+)(?![\w/-])")
_BEFORE = re.compile(r"\b([a-z0-9-]{1,64})[ -]skill\b")
_AFTER = re.compile(r"\bskill:? (?:called |named )?([a-z0-9-]{1,64})\b")


def named_in(message: str, names: Collection[str]) -> dict[str, str]:
    """Return the skills a message names, and how, those named first first.

    A command is ``/name`` at the beginning. A mention is ``/name``, ``@name``, ``$name`` or the
    name in quotes, a name of several parts anywhere, or a name beside the word "skill".
    """
    text = message[:_MAX_CHARS]
    found: dict[str, str] = {}
    command = _COMMAND.match(text)
    if command is not None and command[1] in names:
        found[command[1]] = f"the message begins with /{command[1]}"
    text = text.lower()
    for pattern in (_MARKED, _QUOTED, _HYPHENED, _BEFORE, _AFTER):
        for match in pattern.finditer(text):
            name = match[1]
            if name in names:
                found.setdefault(name, f"the message mentions {match[0].strip()}")
    return found
