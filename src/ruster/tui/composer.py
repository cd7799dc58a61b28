"""Where messages are typed."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Input, TextArea

from ruster.cli.terminal import visible

__all__ = ["Composer", "Entry"]

_NEWLINES = ("alt+enter", "shift+enter", "ctrl+j")
_MAX_CHARS = 500_000


class Composer(TextArea):
    """Enter sends, Alt-Enter begins a new line; what is pasted keeps its lines."""

    class Said(Message):
        """A message is to be sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(
            id="composer",
            tab_behavior="focus",
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder="Say something: Enter sends, Alt-Enter begins a new line",
        )
        self.returned = ""
        """The message that could not be sent last."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key in _NEWLINES:
            event.prevent_default().stop()
            self.insert("\n")
        elif event.key == "enter":
            event.prevent_default().stop()
            self._enter()

    def on_paste(self, event: events.Paste) -> None:
        """Take what is pasted, with everything in it that could command the terminal visible."""
        event.prevent_default().stop()
        room = max(0, _MAX_CHARS - len(self.text))
        self.insert(visible(event.text.replace("\r\n", "\n").replace("\r", "\n"))[:room])

    def give_back(self, text: str) -> None:
        """Show a message again that could not be sent, unless another was begun."""
        if not self.text:
            self.text = self.returned = text
            self.move_cursor(self.document.end)

    def _enter(self) -> None:
        line, column = self.cursor_location
        if column and self.document[line][column - 1] == "\\":
            self.delete((line, column - 1), (line, column))
            self.insert("\n")
        elif text := self.text.strip():
            self.clear()
            self.post_message(self.Said(text))


class Entry(Input):
    """A line of text; what is pasted is made visible."""

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line of what is pasted."""
        event.prevent_default().stop()
        lines = event.text.splitlines()
        if lines:
            self.insert_text_at_cursor(visible(lines[0]))
