"""Where the lines of a chat come from at a terminal: an editor with a history.

Enter sends. A new line is begun with Alt-Enter, or with Enter after a backslash; what is pasted
keeps its lines. Ctrl-C empties the line; on an empty one, twice, it leaves, as Ctrl-D does.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, WordCompleter
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

__all__ = ["TypedLines"]

_MAX_HISTORY_BYTES = 1 << 20
_PROMPT = HTML("<b>YOU &gt; </b>")
_HINT = HTML("<i>Ctrl-C again, or Ctrl-D, leaves</i>")


class TypedLines:
    """Reads what a person types; ``commands`` are completed after a slash."""

    def __init__(self, history_file: Path, commands: Iterable[str]) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=_history(history_file),
            completer=_completer(commands),
            complete_while_typing=True,
            key_bindings=self._keys(),
            multiline=True,
            prompt_continuation=lambda width, number, wrapped: "" if wrapped else "  ... ",
            reserve_space_for_menu=2,
        )

    async def read(self) -> str | None:
        """Return what was typed, or None when the person leaves."""
        self._session.bottom_toolbar = None
        try:
            with patch_stdout(raw=True):
                return await self._session.prompt_async(_PROMPT, handle_sigint=False)
        except EOFError:
            return None

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.document.text_before_cursor.endswith("\\"):
                buffer.delete_before_cursor()
                buffer.insert_text("\n")
            else:
                buffer.validate_and_handle()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            elif self._session.bottom_toolbar is _HINT:
                event.app.exit(exception=EOFError)
            else:
                self._session.bottom_toolbar = _HINT

        return keys


def _completer(commands: Iterable[str]) -> Completer:
    return WordCompleter(sorted(commands), sentence=True)


def _history(path: Path) -> History:
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
