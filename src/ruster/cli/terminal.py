"""Writing to a terminal what others wrote: made visible first, so that it cannot command it."""

from __future__ import annotations

import re
import sys

from rich.cells import cell_len, get_character_cell_size

__all__ = [
    "clean_argument",
    "dim",
    "fit",
    "is_terminal",
    "printable",
    "red",
    "visible",
    "write_line",
]

_RISKY = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_FIRST_PICTURE = 0x2400
_DELETE = 0x7F


def visible(text: str) -> str:
    """Replace control characters, escape sequences and text direction marks by visible signs.

    Newlines and tabs stay.
    """
    return _RISKY.sub(_sign, text.replace("\r\n", "\n"))


def printable(text: str) -> str:
    """Return text as it may go to stdout: made visible on a terminal, unchanged elsewhere."""
    return visible(text) if is_terminal() else text


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def fit(text: str, columns: int) -> str:
    """Return one line of text, cut where it would not fit into so many columns of a terminal."""
    if cell_len(text) <= columns:
        return text
    taken = 0
    for index, char in enumerate(text):
        taken += get_character_cell_size(char)
        if taken >= columns:
            return text[:index] + "…"
    return text


def dim(text: str) -> str:
    """Return text that is shown dimmed."""
    return f"\x1b[2m{text}\x1b[0m"


def red(text: str) -> str:
    """Return text that is shown red."""
    return f"\x1b[31m{text}\x1b[0m"


def write_line(line: bytes) -> None:
    """Write a line of the wire to stdout, byte for byte."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def clean_argument(text: str) -> str:
    """Return a command line's argument as text; bytes that are no UTF-8 become a sign."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < ord(" "):
        return chr(_FIRST_PICTURE + code)
    if code == _DELETE:
        return "\u2421"
    return f"<U+{code:04X}>"
