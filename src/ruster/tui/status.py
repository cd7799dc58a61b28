"""The line at the foot: how things stand, or for a while what was just said."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from ruster.tui.plain import one_line, row

__all__ = ["Standing", "StatusLine"]

_SHOWN_S = 8.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand."""

    connected: bool = True
    session_id: str = ""
    model: str = ""
    tokens: str = ""
    running: int = 0
    approvals: int = 0


class StatusLine(Static):
    """``stand`` says how things stand; ``tell`` shows a line in its place for a while."""

    def __init__(self) -> None:
        super().__init__(id="status", markup=False)
        self.standing = Standing()
        self.told = ""
        self._is_error = False
        self._timer: Timer | None = None

    def stand(self, standing: Standing) -> None:
        """Show how things stand."""
        if standing != self.standing:
            self.standing = standing
            self.refresh()

    def tell(self, text: str, is_error: bool) -> None:
        """Show a line for a while."""
        self.told, self._is_error = one_line(text), is_error
        if self._timer is not None:
            self._timer.stop()
        self.set_class(True, "-told")
        self._timer = self.set_timer(_SHOWN_S * (2 if is_error else 1), self.clear)
        self.refresh(layout=True)

    def clear(self) -> None:
        """Show again how things stand."""
        if self.told:
            self.told = ""
            self.set_class(False, "-told")
            self.refresh(layout=True)

    def render(self) -> Content:
        if self.told:
            style = "bold $text-error" if self._is_error else "$text-success"
            return row(f"{'' if self.standing.connected else '○ '}{self.told}", style)
        it = self.standing
        parts = [
            row("● connected" if it.connected else "○ connecting again …",
                "$text-success" if it.connected else "bold $text-error"),
            row(it.session_id, "bold"),
            row(it.model),
        ]  # fmt: skip
        if it.running:
            parts.append(row(f"{it.running} running", "$text-accent"))
        if it.approvals:
            parts.append(row(f"{it.approvals} to approve: F4", "bold $text-warning"))
        if it.tokens:
            parts.append(row(it.tokens, "dim"))
        return Content("  ").join(parts)
