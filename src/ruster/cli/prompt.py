"""Where the lines of a chat come from at a terminal: an editor with a history, and one for answers.

Enter sends. A new line is begun with Alt-Enter, or with Enter after a backslash; what is pasted
keeps its lines. Ctrl-C empties the line; on an empty one, twice, it leaves, as Ctrl-D does. In the
middle of a turn both end the turn.
"""

from __future__ import annotations

import sys
import termios
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

__all__ = ["TypedLines", "open_history"]

_MAX_HISTORY_BYTES = 1 << 20
_PROMPT = HTML("<b>YOU &gt; </b>")
_ANSWER = HTML("<ansibrightblack>your answer; Ctrl-C cancels the turn</ansibrightblack>")
_HINT = HTML("<i>Ctrl-C again, or Ctrl-D, leaves</i>")


class TypedLines:
    """Reads what a person types; what ``commands`` returns is completed at the beginning."""

    def __init__(self, history_file: Path, commands: Callable[[], Iterable[str]]) -> None:
        history = open_history(history_file)
        keys = _editing_keys()
        keys.add("c-c")(self._interrupt)
        self._session: PromptSession[str] = PromptSession(
            history=history,
            completer=WordCompleter(lambda: sorted(commands()), sentence=True),
            complete_while_typing=True,
            key_bindings=keys,
            multiline=True,
            prompt_continuation=_continuation,
            reserve_space_for_menu=2,
        )
        keys = _editing_keys(answers=True)
        keys.add("c-c")(_leave)
        self._answers: PromptSession[str] = PromptSession(
            history=history,
            key_bindings=keys,
            multiline=True,
            prompt_continuation=_continuation,
            placeholder=lambda: "" if get_app().is_done else _ANSWER,
        )

    async def read(self) -> str | None:
        """Return what was typed, or None when the person leaves."""
        self._session.bottom_toolbar = None
        return await _typed(self._session)

    async def answer(self) -> str | None:
        """Return an answer, or None when the person wants the turn to end.

        What was typed before is dropped: it was not meant for the question.
        """
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        clear_typeahead(self._answers.input)
        return await _typed(self._answers)

    def _interrupt(self, event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        elif self._session.bottom_toolbar is _HINT:
            _leave(event)
        else:
            self._session.bottom_toolbar = _HINT


async def _typed(session: PromptSession[str]) -> str | None:
    try:
        with patch_stdout(raw=True):
            return await session.prompt_async(_PROMPT, handle_sigint=False)
    except EOFError:
        return None


def _editing_keys(*, answers: bool = False) -> KeyBindings:
    """Bind the keys that end a line, or do not; an empty line is no answer."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif answers and not buffer.text.strip():
            buffer.reset()
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _leave(event: KeyPressEvent) -> None:
    event.app.exit(exception=EOFError)


def _continuation(width: int, number: int, wrapped: int) -> str:
    return "" if wrapped else "  ... "


def open_history(path: Path) -> History:
    """Open the file of typed lines, kept to a size; in memory alone if it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if path.stat().st_size > _MAX_HISTORY_BYTES:
            kept = path.read_bytes()[-_MAX_HISTORY_BYTES // 2 :]
            path.write_bytes(kept[kept.find(b"\n\n") + 1 :])
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
