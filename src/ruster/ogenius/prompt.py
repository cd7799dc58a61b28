"""Where the lines of a chat come from at a terminal."""

from __future__ import annotations

from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import HTML

from ruster.cli.prompt import open_history

__all__ = ["TypedLines"]

_PROMPT = HTML("<b>YOU &gt; </b>")


class TypedLines:
    """Reads what a person types, with a history. Ctrl-C raises KeyboardInterrupt."""

    def __init__(self, history_file: Path) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=open_history(history_file), reserve_space_for_menu=0
        )

    async def read(self) -> str | None:
        """Return the next line, None at the end."""
        try:
            return await self._session.prompt_async(_PROMPT)
        except EOFError:
            return None
