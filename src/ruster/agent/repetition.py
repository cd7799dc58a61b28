"""Noticing that a model goes in circles: the same call, with the same result, again and again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from ruster.core.errors import ToolError
from ruster.core.messages import ToolCall
from ruster.core.tools import Outcome

__all__ = ["Repetition"]

_WARN_AT = 2


class Repetition:
    """Counts the calls of one turn; the ``limit``-th same one ends the turn."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str] = Counter()
        self._circling: tuple[str, int] | None = None

    def note(self, call: ToolCall, outcome: Outcome) -> str:
        """Take a call with what came of it; return what to tell the model, if anything."""
        key = _key(call, outcome)
        self._counts[key] += 1
        count = self._counts[key]
        if count >= self._limit:
            self._circling = (call.name, count)
        if count < _WARN_AT:
            return ""
        return f"\n[the same call brought the same result {count} times; do something else]"

    def check(self) -> None:
        """Raise ToolError (``tool_loop``) once the limit is reached."""
        if self._circling is not None:
            name, count = self._circling
            raise ToolError(
                f"the model called {name} {count} times with the same arguments and result and "
                "was ended; put the question differently",
                code="tool_loop",
            )


def _key(call: ToolCall, outcome: Outcome) -> str:
    arguments = json.dumps(call.arguments, sort_keys=True, default=str)
    result = outcome.digest or outcome.text
    return hashlib.sha256(
        f"{call.name}\0{arguments}\0{result}".encode(errors="replace")
    ).hexdigest()
