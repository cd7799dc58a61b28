"""How a question for approval is worded in a notification: short, exact, and cut only visibly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from ruster.core.notices import Choice, Notification, Urgency
from ruster.core.tools import Risk
from ruster.proactive.notifying.text import TEXT_CHARS, visible

__all__ = ["APPROVE", "REJECT", "AskedQuestion", "notification_of"]

APPROVE, REJECT = "approve", "reject"
_SEEN_WHOLE = (Risk.HIGH.value, Risk.CRITICAL.value)
"""At these risks only what is seen whole can be approved by a button."""
_MAX_ARGUMENTS = 12
_MAX_VALUE_CHARS = 400
_LINE_CHARS = 160
_NAME_CHARS = 40
_ARGUMENTS_CHARS = TEXT_CHARS - 2 * _LINE_CHARS - 260


class AskedQuestion(Protocol):
    """What is asked, as ``trust`` has it."""

    @property
    def id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...
    @property
    def target(self) -> str | None: ...
    @property
    def risk(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def session_key(self) -> str: ...


def notification_of(question: AskedQuestion) -> Notification:
    """Word a question; its key is the question's id, its choices are APPROVE and REJECT."""
    line, whole = _arguments(question.arguments)
    target = visible(question.target or "")
    if question.target in question.arguments.values():
        target = ""
    whole = whole and len(target) <= _LINE_CHARS
    lines = [
        line,
        f"on {_cut(target, _LINE_CHARS)}" if target else "",
        f"{question.risk} risk, session {visible(question.session_id)}",
        f"asked because {_cut(visible(question.reason), _LINE_CHARS)}",
    ]
    choices: tuple[Choice, ...] = (Choice(APPROVE, "Approve"), Choice(REJECT, "Reject"))
    if not whole:
        lines.append(f"cut: all of it is in rusterctl approvals list ({question.id})")
        if question.risk in _SEEN_WHOLE:
            choices = choices[1:]
    return Notification(
        title=f"{_cut(visible(question.tool), _NAME_CHARS)} needs your approval",
        text="\n".join(filter(None, lines)),
        urgency=Urgency.CRITICAL,
        key=question.id,
        choices=choices,
    )


def _arguments(arguments: Mapping[str, Any]) -> tuple[str, bool]:
    """Put arguments on a line; also tell whether all of them can be seen.

    Each has its share, so that a long one hides no other.
    """
    shown = list(arguments.items())[:_MAX_ARGUMENTS]
    share = min(_MAX_VALUE_CHARS, _ARGUMENTS_CHARS // max(1, len(shown)))
    whole = len(shown) == len(arguments)
    parts: list[str] = []
    for name, value in shown:
        text = f"{name if name.isidentifier() else _json(name)}={_json(value)}"[: share + 1]
        whole = whole and len(text) <= share
        parts.append(_cut(text, share))
    if len(shown) < len(arguments):
        parts.append(f"and {len(arguments) - len(shown)} more")
    return ", ".join(parts), whole


def _json(value: object) -> str:
    return visible(json.dumps(value, ensure_ascii=False))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
