"""Making text harmless and short for whoever shows it: it may be a stranger's."""

from __future__ import annotations

from ruster.core.notices import Notification

__all__ = ["TEXT_CHARS", "TITLE_CHARS", "escaped", "line_of", "text_of", "visible"]

TITLE_CHARS = 120
TEXT_CHARS = 1000
_LOOKED_AT = 8
"""So many times the allowed characters are looked at; what is dropped may be among them."""


def line_of(text: str, most: int = TITLE_CHARS) -> str:
    """Return text on one line of at most ``most`` characters, without what cannot be seen."""
    return _cut(_plain(" ".join(text[: most * _LOOKED_AT].split())), most)


def text_of(notification: Notification) -> str:
    """Return the text in at most ``TEXT_CHARS`` characters, its lines kept."""
    lines = notification.text[: TEXT_CHARS * _LOOKED_AT].splitlines()
    clean = (_plain("".join(" " if it.isspace() else it for it in line)) for line in lines)
    return _cut("\n".join(line for line in clean if line.strip()), TEXT_CHARS)


def visible(text: str) -> str:
    """Return text on one line; what cannot be seen is written as an escape."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def escaped(text: str) -> str:
    """Return text that says the same where ``<``, ``>`` and ``&`` are markup."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text


def _plain(text: str) -> str:
    """Drop what cannot be seen: control characters, marks that turn the direction, surrogates."""
    return "".join(char for char in text if char.isprintable())


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
