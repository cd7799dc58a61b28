"""Texts cut into chunks, and what stands before and after a chunk.

A chunk ends with a paragraph or a sentence where one ends in its last third.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["CHUNK_WORDS", "NEAR_WORDS", "first_words", "last_words", "spans"]

CHUNK_WORDS = 90
NEAR_WORDS = 25
"""Words of context on either side of a chunk."""
_CHUNK_CHARS = 1000
_WORD_CHARS = 200
_WORD = re.compile(rf"\S{{1,{_WORD_CHARS}}}")
_SENTENCE_END = re.compile(r"[.!?。！？]['\")\]]*\Z")  # noqa: RUF001 - full-width ends of sentences


def spans(text: str) -> list[tuple[int, int]]:
    """Return where the chunks of a text begin and end; one, even when the text is empty."""
    words = [match.span() for match in _WORD.finditer(text)]
    if len(words) <= CHUNK_WORDS and len(text) <= _CHUNK_CHARS:
        return [(0, len(text))]
    return list(_cut(text, words)) or [(0, min(len(text), _CHUNK_CHARS))]


def first_words(text: str, count: int = NEAR_WORDS) -> str:
    """Return the beginning of a text."""
    return " ".join(text[: count * _WORD_CHARS // 8].split()[:count])


def last_words(text: str, count: int = NEAR_WORDS) -> str:
    """Return the end of a text."""
    return " ".join(text[-count * _WORD_CHARS // 8 :].split()[-count:])


def _cut(text: str, words: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    first = 0
    while first < len(words):
        limit = first
        start = words[first][0]
        while (
            limit < len(words)
            and limit - first < CHUNK_WORDS
            and words[limit][1] - start <= _CHUNK_CHARS
        ):
            limit += 1
        limit = max(limit, first + 1)
        end = limit if limit == len(words) else _good_end(text, words, first, limit)
        yield start, words[end - 1][1]
        first = end


def _good_end(text: str, words: list[tuple[int, int]], first: int, limit: int) -> int:
    """Return after which word to end: at best a paragraph's last, then a sentence's."""
    least = first + max(1, (limit - first) * 2 // 3)
    sentence = 0
    for at in range(limit, least - 1, -1):
        if "\n" in text[words[at - 1][1] : words[at][0]]:
            return at
        if not sentence and _SENTENCE_END.search(
            text[max(0, words[at - 1][1] - 4) : words[at - 1][1]]
        ):
            sentence = at
    return sentence or limit
