"""The bar at the head: which panels there are, and which one is shown."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

__all__ = ["PANELS", "TabBar"]

PANELS = {
    "chat": ("F3", "Chat"),
    "approvals": ("F4", "Approvals"),
    "jobs": ("F6", "Jobs"),
    "board": ("F7", "Board"),
    "memory": ("F8", "Memory"),
}
"""Key and title of each panel; the sessions stand beside the chat."""


class TabBar(Static):
    """Names the panels with their keys."""

    def __init__(self) -> None:
        super().__init__(id="tabs", markup=False)

    def show(self, current: str | None, approvals: int) -> None:
        """Mark the panel that is shown, and count what waits for approval."""
        titles = [Content("F2 Sessions")]
        for name, (key, title) in PANELS.items():
            count = f" ({approvals})" if approvals and name == "approvals" else ""
            style = "bold reverse" if name == current else ""
            titles.append(Content.styled(f"{key} {title}{count}", style))
        self.update(Content("  ").join(titles))
