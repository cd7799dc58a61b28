"""A text as a person wants it: from the command line, from a pipe, or from an editor."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ruster.cli.terminal import clean_argument
from ruster.config.loader import process_environment
from ruster.core.errors import ConfigError

__all__ = ["edited", "piped"]

_EDITORS = ("VISUAL", "EDITOR")


def edited(before: str, words: Sequence[str] | None) -> str | None:
    """Return a new text; None if it is as it was, or if all of it was deleted.

    It is what stands on the command line, or comes through a pipe, or what an editor leaves.
    Raises ConfigError when there is no editor.
    """
    if words and list(words) != ["-"]:
        after = clean_argument(" ".join(words))
    elif words or not sys.stdin.isatty():
        after = piped()
    else:
        after = _in_editor(before)
    return None if after == before or not after.strip() else after


def piped() -> str:
    """Return what comes through stdin, without its last newline."""
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")


def _in_editor(before: str) -> str:
    environment = process_environment()
    command = next((environment[name] for name in _EDITORS if environment.get(name)), "vi")
    with tempfile.TemporaryDirectory(prefix="ruster-") as folder:
        file = Path(folder) / "memory.md"
        file.write_text(before, "utf-8")
        try:
            ended = subprocess.run([*shlex.split(command), str(file)], check=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the editor {command!r} cannot be started: {error}; set EDITOR"
            ) from error
        if ended.returncode:
            raise ConfigError(f"the editor {command!r} ended with status {ended.returncode}")
        after = file.read_bytes().decode("utf-8", "replace")
    # Editors end the last line; that alone is no change.
    return after.removesuffix("\n") if not before.endswith("\n") else after
