"""Small screens above the others: a yes or no, a line to be typed, a text to be read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ruster.tui.composer import Entry
from ruster.tui.plain import plain, row

__all__ = ["Confirm", "Prompt", "Reading"]


class Confirm(ModalScreen[bool]):
    """Asks whether to go on; ``y`` does, everything that leaves does not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "Yes"),
        ("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._question))
            yield Static(Content.styled("y yes   n no", "dim"), classes="keys")

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class Prompt(ModalScreen[str]):
    """Asks for a line; empty when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave")]

    def __init__(self, title: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(row(self._title, "bold"))
            yield Entry(self._value, placeholder=self._hint, max_length=4000)
            yield Static(Content.styled("Enter takes it   Esc leaves", "dim"), classes="keys")

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Close with what was typed."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Close without anything."""
        self.dismiss("")


class Reading(ModalScreen[None]):
    """Shows a text that may be longer than the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter,space", "leave", "Close")]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(row(self._title, "bold"))
            with VerticalScroll():
                yield Static(self._text)
            yield Static(Content.styled("↑↓ scroll   Esc closes", "dim"), classes="keys")

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
