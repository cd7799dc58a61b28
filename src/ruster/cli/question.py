"""How a question for approval is worded: exactly, safely, and cut only where it says so."""

from __future__ import annotations

import json

from ruster.cli.terminal import is_terminal, red
from ruster.protocol.events import ApprovalQuestion

__all__ = ["is_cut", "question_text", "safe"]

_HEAD, _TAIL = 300, 100


def question_text(asked: ApprovalQuestion, *, full: bool = False) -> str:
    """Word what a tool wants to do; what cannot be seen is written as an escape."""
    lines = [f"{safe(asked.tool)} needs your approval: {safe(asked.reason)}"]
    lines += [
        f"  {safe(name)}: {_value(value, full=full)}" for name, value in asked.arguments.items()
    ]
    if asked.target is not None and asked.target not in asked.arguments.values():
        lines.append(f"  acts on {_cut(safe(asked.target), full=full)}")
    effects = ", ".join(map(safe, asked.effects)) or "only computes"
    lines.append(f"  {effects}; risk {safe(asked.risk)}; until {safe(asked.expires[11:19])}")
    text = "\n".join(lines)
    return red(text) if is_terminal() else text


def is_cut(asked: ApprovalQuestion) -> bool:
    """Whether the wording leaves something out."""
    return question_text(asked) != question_text(asked, full=True)


def safe(text: str) -> str:
    """Return text on one line in which every character can be seen."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _value(value: object, *, full: bool) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _cut(safe(text), full=full)


def _cut(text: str, *, full: bool) -> str:
    left_out = len(text) - _HEAD - _TAIL
    if full or left_out <= 0:
        return text
    return f"{text[:_HEAD]} [… {left_out} characters left out …] {text[-_TAIL:]}"


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
