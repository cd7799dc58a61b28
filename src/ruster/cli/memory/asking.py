"""The question before something is deleted or replaced."""

from __future__ import annotations

import sys

from ruster.core.errors import ProtocolError

__all__ = ["agreed"]


def agreed(question: str) -> bool:
    """Ask a person at the terminal; raises ProtocolError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ProtocolError("nobody can be asked here; say --yes")
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ("y", "yes")
