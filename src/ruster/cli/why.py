"""``rusterctl why``: how an answer came about."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import is_terminal, printable
from ruster.protocol.events import Why

__all__ = ["print_why", "prompt_rows", "skill_rows", "tool_rows", "why", "why_lines"]

_ENDS = {
    "done": "answered by",
    "cancelled": "cancelled, asked of",
    "error": "failed, asked of",
    "expired": "left unanswered, asked of",
}
_Turn = Annotated[
    str | None, typer.Option("--turn", "-t", help="The turn; else the last one that ended.")
]


def why(
    session: SessionOption = DEFAULT_SESSION,
    turn: _Turn = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how an answer came about: skills, tools, tokens, the parts of the prompt."""
    report = request(socket, Why, "why", as_json, session_id=session, turn=turn)
    if report is not None:
        print_why(report)


def print_why(report: Why) -> None:
    """Print a report: what there is in words, then a table for each of what there are several."""
    for line in why_lines(report):
        print(_wrapped(printable(line)) if is_terminal() else line)
    for heads, rows in (
        (("Skill", "By", "Why"), skill_rows(report.account)),
        (("Tool", "Took", "Result", "Rule", "Skill", "Text from"), tool_rows(report.account)),
        (("Part of the prompt", "Bytes"), prompt_rows(report.account)),
    ):
        if rows:
            print_rows(heads, rows)


def why_lines(report: Why) -> list[str]:
    """Word what a report has once."""
    account = report.account
    lines = [f"turn {report.turn}, {_ENDS.get(report.end, report.end)} {report.model}"]
    lines.append(f"ended {report.ended[:19].replace('T', ' ')}{_took(account)}")
    if account.get("steps"):
        lines.append(_tokens(account))
    else:
        lines.append("no model was asked")
    if account.get("skills_asked") and not account.get("skills"):
        lines.append(f"{account['skills_asked']} chose no skill")
    for key, what in (
        ("memories", "memories took part"),
        ("left_out_turns", "older turns did not fit into the model's window"),
        ("more_tools", "more tool calls were not noted"),
    ):
        if count := _count(account.get(key)):
            lines.append(f"{count} {what}")
    if offered := account.get("offered"):
        lines.append(f"tools it could use: {', '.join(map(str, offered))}")
    if report.origins:
        lines.append(f"the answer may hold words of {', '.join(report.origins)}")
    return lines


def skill_rows(account: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Word the skills: name, kind of choice, reason."""
    return [_cells(skill, "skill", "by", "why") for skill in account.get("skills", ())]


def tool_rows(account: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Word the tool calls in order: name, time, result, rule, skill, whose words they brought."""
    return [
        (
            *_cells(call, "tool"),
            _time(call.get("ms", 0)),
            "failed" if call.get("failed") else "done",
            *_cells(call, "rule", "skill", "origin"),
        )
        for call in account.get("tools", ())
    ]


def prompt_rows(account: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Word the parts of the prompt and their sum."""
    parts = account.get("prompt_bytes", {})
    rows = [(str(part), str(size)) for part, size in parts.items()]
    return [*rows, ("all", str(sum(parts.values())))] if rows else []


def _wrapped(line: str) -> str:
    return textwrap.fill(line, shutil.get_terminal_size().columns, subsequent_indent="  ")


def _cells(entry: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(str(entry.get(name) or "") for name in names)


def _tokens(account: Mapping[str, Any]) -> str:
    steps = account["steps"]
    known = account.get("cached_tokens", 0)
    read = f"{account.get('prompt_tokens', 0)} tokens read"
    if known:
        read += f" ({known} of them known from before)"
    written = f"{account.get('completion_tokens', 0)} written"
    return f"{read}, {written}, in {steps} step{'s' if steps != 1 else ''} of the model"


def _took(account: Mapping[str, Any]) -> str:
    return f", after {_time(account['total_ms'])}" if "total_ms" in account else ""


def _time(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _count(value: object) -> int:
    if isinstance(value, Sequence):
        return len(value)
    return value if isinstance(value, int) else 0
