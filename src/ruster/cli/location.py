"""Where the daemon's socket and our own files are, as the configuration says."""

from __future__ import annotations

from pathlib import Path

from ruster.config.loader import load, process_environment
from ruster.config.paths import Paths

__all__ = ["history_file", "socket_path"]


def socket_path(given: str | None) -> Path:
    """Return the path given on the command line, else the configured one; raises ConfigError."""
    if given:
        return Path(given).expanduser()
    environment = process_environment()
    return load(Paths.of(environment), environment).settings.socket_path


def history_file() -> Path:
    """Return where the lines typed into ``chat`` are kept."""
    return Paths.of(process_environment()).state / "chat_history"
