"""How far something has come: one line that changes on a terminal, every tenth elsewhere."""

from __future__ import annotations

import shutil
import sys

from ruster.cli.terminal import visible
from ruster.protocol.events import ProgressEvent

__all__ = ["ProgressLine"]

_MIB = 1 << 20
_BAR_COLUMNS = 30
_TENTH = 10


class ProgressLine:
    """Writes to stderr, so that stdout holds nothing but the result."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._open = False
        self._told: tuple[str, int] | None = None

    def show(self, event: ProgressEvent) -> None:
        """Take the next step."""
        percent = 100 * event.current // event.total if event.total else 0
        if self._live:
            columns = shutil.get_terminal_size().columns
            self._write("\r\x1b[K" + _bar(event, percent)[: columns - 1])
            self._open = True
        elif self._told != (step := (event.unit or event.what, percent // _TENTH)):
            self._told = step
            self._write(f"{visible(event.what)}: {percent} %\n")

    def close(self) -> None:
        """End the line."""
        if self._open:
            self._write("\n")
            self._open = False

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _bar(event: ProgressEvent, percent: int) -> str:
    filled = _BAR_COLUMNS * percent // 100
    bar = "#" * filled + "." * (_BAR_COLUMNS - filled)
    if event.unit is not None:
        size = f"{event.current}/{event.total} {event.unit}"
    else:
        size = f"{event.current / _MIB:.0f}/{event.total / _MIB:.0f} MiB" if event.total else ""
    return f"[{bar}] {percent:3} % {size} {visible(event.what)}"
