"""How the last answer came about, as a text to read."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from ruster.cli.why import prompt_rows, skill_rows, tool_rows, why_lines
from ruster.protocol.events import Why
from ruster.tui.plain import one_line, row

__all__ = ["why_text"]


def why_text(report: Why) -> Content:
    """Word a report: what there is once, then a table for each of what there are several."""
    parts = [row(line) for line in why_lines(report)]
    for heads, rows in (
        (("Skill", "By", "Why"), skill_rows(report.account)),
        (("Tool", "Took", "Result", "Rule", "Skill", "Text from"), tool_rows(report.account)),
        (("Part of the prompt", "Bytes"), prompt_rows(report.account)),
    ):
        if rows:
            parts += [Content(""), *_table(heads, rows)]
    return Content("\n").join(parts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Content]:
    cells = [[one_line(cell) for cell in line] for line in (heads, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    return [
        Content.styled(lines[0].rstrip(), "bold"),
        *(Content(line.rstrip()) for line in lines[1:]),
    ]
