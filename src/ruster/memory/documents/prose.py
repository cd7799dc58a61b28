"""Plain text as blocks: its paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruster.memory.documents.packing import Block

__all__ = ["page_blocks", "text_blocks"]

_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_HYPHENATED = re.compile(r"(?<=[a-z\u00df-\u00ff])-\n(?=[a-z\u00df-\u00ff])")


def text_blocks(text: str) -> Iterator[Block]:
    """Yield the paragraphs of a text; line ends are kept, since nobody knows what they mean."""
    for paragraph in _PARAGRAPHS.split(text):
        yield Block(paragraph, by_lines=True)


def page_blocks(text: str, path: tuple[str, ...]) -> Iterator[Block]:
    """Yield the paragraphs of a printed page, whose lines are joined again."""
    for paragraph in _PARAGRAPHS.split(_HYPHENATED.sub("", text)):
        yield Block(" ".join(paragraph.split()), path)
