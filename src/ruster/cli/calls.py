"""How tool calls are worded at a terminal: one row while they run, a line for what came of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ruster.cli.question import safe
from ruster.cli.terminal import dim, fit, red
from ruster.protocol.events import ToolCallEvent

__all__ = ["call_row", "call_words", "result_line"]

_LEAST_COLUMNS = 12
_ARGUMENT_CHARS = 200


def call_row(events: Sequence[ToolCallEvent], columns: int) -> str:
    """Word the calls that run, on one row that can be taken back."""
    return dim(fit(f"⋯ {'; '.join(map(call_words, events))}", max(columns - 1, 1)))


def result_line(event: ToolCallEvent, columns: int) -> str:
    """Word a call that has ended: its result cut to the row, a failure whole and in red."""
    preview = _on_one_line(event.result_preview or "")
    for said in ("error: ", f"{event.tool}: ") if event.failed else ():
        preview = preview.removeprefix(said)
    head = fit(call_words(event), max(columns // 2, _LEAST_COLUMNS))
    if event.failed:
        return red(f"✗ {head} → {preview}")
    return dim(fit(f"✓ {head} → {preview}", max(columns - 1, 1)))


def call_words(event: ToolCallEvent) -> str:
    """Word a call: the tool and what it is called with."""
    return f"{safe(event.tool)} {_words(event.arguments)}".rstrip()


def _words(arguments: Mapping[str, Any]) -> str:
    """Word arguments: the value alone where there is one, else with their names."""
    values = {name: _value(value) for name, value in arguments.items()}
    if len(values) == 1:
        return next(iter(values.values()))
    return " ".join(f"{safe(name)}={value}" for name, value in values.items())


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _on_one_line(text[:_ARGUMENT_CHARS])


def _on_one_line(text: str) -> str:
    return safe(" ".join(text.split()))
