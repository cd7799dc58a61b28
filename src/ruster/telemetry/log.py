"""The log: JSON lines in a file that starts anew each day, readable lines on a terminal.

Records are formatted and written by a thread, so that a slow disk never holds up the daemon.
"""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from logging.handlers import QueueHandler, QueueListener, TimedRotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from ruster.telemetry.redact import Redactor

__all__ = ["Log", "open_log"]

_KEEP_DAYS = 14
_MAX_WAITING = 10_000


class _DroppingQueueHandler(QueueHandler):
    """Hands records to the writing thread; when it cannot keep up they are counted and dropped."""

    dropped = 0

    def __init__(self, waiting: queue.SimpleQueue[logging.LogRecord]) -> None:
        super().__init__(waiting)
        self._waiting = waiting

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() < _MAX_WAITING:
            self._waiting.put(record)
        else:
            self.dropped += 1

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the record whole: the listener lives in the same process."""
        return record


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The sink: whatever was logged by whomever passes the redactor here."""

    def __init__(self, redact: Redactor, renderer: Any) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=_PROCESSORS,
        )
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=False),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
]


@dataclass(frozen=True, slots=True)
class Log:
    """The open log."""

    listener: QueueListener

    def set_level(self, level: str) -> None:
        """Change how much is written."""
        logging.getLogger("ruster").setLevel(level.upper())

    def close(self) -> None:
        """Write what waits, then release the file."""
        self.listener.stop()
        for handler in self.listener.handlers:
            handler.close()
        logging.getLogger().handlers.clear()


def open_log(path: Path, level: str, *, console: bool, secrets: Iterable[str] = ()) -> Log:
    """Start logging to ``path`` (and to standard error if ``console``); raises OSError."""
    redact = Redactor(secrets)
    file = TimedRotatingFileHandler(
        path, when="midnight", backupCount=_KEEP_DAYS, encoding="utf-8", delay=False
    )
    file.setFormatter(_RedactingFormatter(redact, structlog.processors.JSONRenderer()))
    handlers: list[logging.Handler] = [file]
    if console:
        terminal = logging.StreamHandler(sys.stderr)
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        terminal.setFormatter(_RedactingFormatter(redact, renderer))
        handlers.append(terminal)
    # One without a limit of its own is written in C and takes no lock twice for each record.
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = QueueListener(waiting, *handlers, respect_handler_level=True)
    root = logging.getLogger()
    root.handlers[:] = [_DroppingQueueHandler(waiting)]
    root.setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    log = Log(listener)
    log.set_level(level)
    listener.start()
    return log
