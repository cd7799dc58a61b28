"""What a rule can be about: a tool call with its target read as a path, a host or a command.

What cannot be read with certainty is None, and no rule that allows may build on it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ruster.core.tools import Action, Effect, TurnScope

__all__ = ["Facts", "host_of", "path_of", "simple_command"]

_BEYOND_FILES = {Effect.NETWORK, Effect.EXECUTES, Effect.SPENDS}
_SHELL = re.compile(r"[^\w\s./:@%+,=\"'-]")
_BETWEEN_WORDS = re.compile(r"[\s;&|<>`$(){}'\"\\]+")
_HOST = re.compile(r"[a-z0-9_.:\[\]-]{1,255}\Z")
_SECURE_PORT = 443


@dataclass(frozen=True, slots=True)
class Facts:
    """One call in one turn.

    ``path`` is absolute and free of links; ``host`` is ``name`` or ``name:port``; ``words`` are
    those of a command line that is one plain command; ``tokens`` all words of any command line.
    """

    action: Action
    scope: TurnScope
    path: Path | None = None
    host: str | None = None
    words: tuple[str, ...] | None = None
    tokens: tuple[str, ...] = ()

    @classmethod
    def of(cls, action: Action, scope: TurnScope) -> Facts:
        """Read the target as what the effects say it is."""
        target = action.target
        if target is None:
            return cls(action, scope)
        if Effect.EXECUTES in action.effects:
            tokens = tuple(filter(None, _BETWEEN_WORDS.split(target)))
            return cls(action, scope, words=simple_command(target), tokens=tokens)
        if Effect.NETWORK in action.effects:
            return cls(action, scope, host=host_of(target))
        if action.effects & {Effect.READS, Effect.WRITES}:
            return cls(action, scope, path=path_of(target))
        return cls(action, scope)

    @property
    def only_files(self) -> bool:
        """Whether the call does nothing but read and write files."""
        return bool(self.action.effects) and not self.action.effects & _BEYOND_FILES

    def inside(self, folder: Path) -> bool:
        """Whether the call acts on a path below ``folder``, as far as can be known."""
        root = path_of(str(folder))
        return self.path is not None and root is not None and self.path.is_relative_to(root)


def path_of(target: str) -> Path | None:
    """Return where an absolute path leads to, all links followed; None for any other text."""
    try:
        path = Path(target).expanduser()
        return path.resolve() if path.is_absolute() else None
    except (OSError, RuntimeError, ValueError):  # a loop of links, no such user, a null byte
        return None


def host_of(target: str) -> str | None:
    """Return the host of an address or of a bare name; other ports than 443 belong to it."""
    try:
        parts = urlsplit(target if "://" in target else f"https://{target}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or not _HOST.match(name):
        return None
    if port is None and parts.scheme not in ("https", "wss"):
        return f"{name.rstrip('.')}:{parts.scheme}"
    return name.rstrip(".") + (f":{port}" if port not in (None, _SECURE_PORT) else "")


def simple_command(line: str) -> tuple[str, ...] | None:
    """Return the words of a command line that no shell would read as anything else."""
    if _SHELL.search(line) or re.search(r"[\n\r\0]", line):
        return None
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    return tuple(words) if words and "=" not in words[0] else None
