"""What the library logs, as lines for people: warnings and worse, without a traceback."""

from __future__ import annotations

import logging
import sys

from ruster.cli.terminal import visible

__all__ = ["show_warnings"]

_ENGINE = "ruster.engine"
"""What it logs is told as errors and notices, too."""


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        why = record.exc_info[1] if record.exc_info else None
        line = record.getMessage() + (f": {why}" if why is not None else "")
        print(f"ogenius: {visible(line)}", file=sys.stderr, flush=True)


def show_warnings() -> None:
    """Write warnings to stderr from now on, one line each; once is enough."""
    log = logging.getLogger("ruster")
    if not any(isinstance(handler, _Lines) for handler in log.handlers):
        handler = _Lines(logging.WARNING)
        handler.addFilter(lambda record: not record.name.startswith(_ENGINE))
        log.addHandler(handler)
