"""One line, dimmed or red, for what happens beside an answer."""

from __future__ import annotations

from ruster.cli.question import question_text, safe
from ruster.cli.terminal import dim, red, visible
from ruster.protocol import events

__all__ = ["aside"]

_MAX_CHARS = 60


def aside(event: events.Event) -> str:
    """Word what happens beside the answer; nothing for what a person need not see."""
    match event:
        case events.ApprovalRequired():
            return question_text(event)
        case events.ApprovalResolved(state=state, by=by):
            return dim(f"[{state}: {safe(by)}]")
        case events.SkillUsed(skill=skill, result=result):
            return dim(visible(f"[skill {skill}: {_short(result)}]"))
        case events.NoticeEvent(message=message):
            return dim(visible(f"[{message}]"))
        case events.Cancelled():
            return dim("[cancelled]")
        case events.ErrorEvent(error=error, code=code):
            return red(visible(f"{error} ({code})"))
        case _:
            return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 1] + "…"
