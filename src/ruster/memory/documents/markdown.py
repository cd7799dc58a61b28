"""Markdown as blocks: headings, paragraphs and code, line by line.

Nothing more of Markdown matters for finding things, and a line at a time no input is slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruster.memory.documents.packing import Block

__all__ = ["markdown_blocks"]

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")
_HEADING_CHARS = 300
"""A longer line is a paragraph that looks like a heading."""
_LISTED = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)]|\||>)[ \t]?")


def markdown_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown text, each with the headings it stands under."""
    reader = _Reader()
    for line in text.split("\n"):
        yield from reader.take(line.rstrip("\r"))
    yield from reader.finish()


class _Reader:
    """Takes lines; what it yields is complete."""

    def __init__(self) -> None:
        self._headings: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._fence: str | None = None
        self._bare = False

    def take(self, line: str) -> Iterator[Block]:
        """Take the next line."""
        if self._fence is not None:
            yield from self._in_code(line)
        elif fence := _FENCE.match(line):
            yield from self.end()
            self._fence = fence[1]
        elif (heading := _HEADING.match(line)) and len(line) <= _HEADING_CHARS:
            yield from self.end()
            yield from self._enter(len(heading[1]), _CLOSING.sub("", heading[2] or ""))
        elif (under := _UNDERLINE.match(line)) and self._is_title():
            title = self._lines.pop()
            yield from self._enter(1 if under[1][0] == "=" else 2, title)
        elif line.strip():
            self._lines.append(line)
        else:
            yield from self.end()

    def end(self) -> Iterator[Block]:
        """Yield the paragraph that ends here."""
        if self._lines:
            keeps = self._fence is not None or any(map(_LISTED.match, self._lines))
            if keeps:
                text = "\n".join(self._lines)
            else:
                text = " ".join(line.strip() for line in self._lines)
            yield Block(text, tuple(name for _, name in self._headings), by_lines=keeps)
            self._lines = []
            self._bare = False
        self._fence = None

    def finish(self) -> Iterator[Block]:
        """Yield what is left at the end of the text."""
        yield from self.end()
        yield from self._enter(0, "")

    def _in_code(self, line: str) -> Iterator[Block]:
        assert self._fence is not None
        mark = line.strip()
        if mark.startswith(self._fence) and not mark.strip(self._fence[0]):
            yield from self.end()
        else:
            self._lines.append(line)

    def _is_title(self) -> bool:
        """Tell whether the line before is alone, as a title above a rule is."""
        only = self._lines[0] if len(self._lines) == 1 else ""
        return 0 < len(only) <= _HEADING_CHARS and not _LISTED.match(only)

    def _enter(self, level: int, name: str) -> Iterator[Block]:
        """Begin a section; one that ends without a text has its heading for a text."""
        if self._bare and level <= self._headings[-1][0] and self._headings[-1][1]:
            *above, last = (heading for _, heading in self._headings)
            yield Block(last, tuple(above))
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._headings.append((level, name.strip()))
        self._bare = True
