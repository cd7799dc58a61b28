"""Text that others wrote, as it may be shown: no escape sequences, and never read as markup."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content

from ruster.cli.question import safe
from ruster.cli.terminal import visible

__all__ = ["cell", "one_line", "plain", "row"]

_TAB = 4


def plain(text: str, style: str = "") -> Content:
    """Return text over as many lines as it has; what cannot be seen is shown as signs."""
    return Content.styled(visible(text).expandtabs(_TAB), style)


def one_line(text: str) -> str:
    """Return text on one line, every character visible."""
    return safe(" ".join(text.split()))


def row(text: str, style: str = "") -> Content:
    """Return text on one line, to be shown."""
    return Content.styled(one_line(text), style)


def cell(text: str, style: str = "") -> Text:
    """Return text on one line, for a cell of a table."""
    return Text(one_line(text), style=style, no_wrap=True, overflow="ellipsis")
