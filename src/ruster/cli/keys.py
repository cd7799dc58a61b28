"""One key pressed at the terminal, taken without Enter."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty

__all__ = ["KeyReader"]


class KeyReader:
    """Reads single keys from stdin between ``start`` and ``stop``; Ctrl-C stays what it is.

    Nothing typed ahead is an answer, and nothing pasted.
    """

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._before: list[object] | None = None
        self._pressed: asyncio.Future[str] | None = None

    def start(self) -> None:
        """Take keys from here on: what was typed before is dropped."""
        self._pressed = asyncio.get_running_loop().create_future()
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSAFLUSH)
        asyncio.get_running_loop().add_reader(self._fd, self._take)

    async def read(self, wanted: str) -> str:
        """Return the first key among ``wanted``, in lower case; empty when stdin has ended.

        The reader is stopped then.
        """
        try:
            while self._pressed is not None:
                key = await self._pressed
                if not key or key in wanted:
                    return key
                self._pressed = asyncio.get_running_loop().create_future()
        finally:
            self.stop()
        return ""

    def stop(self) -> None:
        """Give the terminal back as it was; stopping twice is harmless."""
        if self._before is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]
            self._before = None
        self._pressed = None

    def _take(self) -> None:
        keys = os.read(self._fd, 64).decode("utf-8", "replace").lower()
        if len(keys) > 1:  # an arrow key, or something pasted
            return
        if self._pressed is not None and not self._pressed.done():
            self._pressed.set_result(keys)
