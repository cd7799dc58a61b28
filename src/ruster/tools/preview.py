"""What of a tool's output a model is shown, and how it is told that there is more."""

from __future__ import annotations

from ruster.core.tools import Outcome
from ruster.tools.runs import cut_text
from ruster.tools.settings import ToolSettings

__all__ = ["preview"]

_STDERR_LINES = 5


def preview(outcome: Outcome, run_id: str, settings: ToolSettings, *, whole: bool) -> str:
    """Return the first lines of both outputs, and a note that names the call if some are missing.

    ``whole`` shows all lines, within the bound in bytes.
    """
    lines = None if whole else settings.output_lines
    text, missing = _first(outcome.text, lines, settings.shown_bytes)
    stderr, more_missing = _first(outcome.stderr, _STDERR_LINES, settings.shown_bytes // 4)
    parts = [text]
    if stderr:
        parts.append(f"[stderr]\n{stderr}")
    if missing or more_missing:
        total = outcome.text.count("\n") + 1
        parts.append(f"[{total} lines; more with paginate_tool_output, tool_call_uuid {run_id}]")
    return "\n".join(part for part in parts if part)


def _first(text: str, lines: int | None, size: int) -> tuple[str, bool]:
    text = text.rstrip("\n")
    shown = text if lines is None else "\n".join(text.split("\n", lines)[:lines])
    shown = cut_text(shown, size)
    return shown, len(shown) < len(text)
