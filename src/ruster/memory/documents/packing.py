"""Blocks of a document packed into chunks: as many as fit, never across a heading.

A block that is too long is split where it hurts least: code between lines, text between sentences,
then between words, and within a word only if it is no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ruster.memory.documents.document import Chunk

__all__ = ["MAX_WORDS", "Block", "pack", "weigh"]

MAX_WORDS = 90
"""Words of a chunk at most; a long one counts for several, two Chinese characters for one."""
_LETTERS_OF_A_WORD = 16
_PAIRED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(f"[{_PAIRED}]{{1,2}}|[^\\s{_PAIRED}]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])|\n{2,}")
_MAX_DEPTH = 6
_HEADING_CHARS = 80


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list or a piece of code below the headings ``path``.

    With ``by_lines`` its line ends mean something and are kept.
    """

    text: str
    path: tuple[str, ...] = ()
    by_lines: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a block that fits into a chunk; ``glue`` stands between it and the one before."""

    text: str
    words: int
    glue: str


def pack(blocks: Iterable[Block], title: str) -> Iterator[Chunk]:
    """Yield the chunks of a document of this title."""
    for path, group in groupby(blocks, key=lambda block: block.path):
        header = _header((title, *path[:_MAX_DEPTH]))
        pieces = (piece for block in group for piece in _pieces(block))
        for text in _filled(pieces):
            yield Chunk(text, header)


def weigh(text: str) -> int:
    """Count the words of a text."""
    return sum(map(_weight, _WORD.findall(text)))


def _weight(word: str) -> int:
    return 1 + len(word) // _LETTERS_OF_A_WORD


def _filled(pieces: Iterable[_Piece]) -> Iterator[str]:
    text, words = "", 0
    for piece in pieces:
        if text and words + piece.words > MAX_WORDS:
            yield text
            text, words = "", 0
        text = f"{text}{piece.glue}{piece.text}" if text else piece.text
        words += piece.words
    if text:
        yield text


def _pieces(block: Block) -> Iterator[_Piece]:
    """Split a block into pieces that fit, if it has to be."""
    glue = "\n" if block.by_lines else "\n\n"
    text = block.text.strip("\n") if block.by_lines else block.text.strip()
    if not text.strip():
        return
    if (words := weigh(text)) <= MAX_WORDS:
        yield _Piece(text, words, glue)
        return
    parts = text.split("\n") if block.by_lines else _SENTENCE_END.split(text)
    for part in parts:
        for piece in _cut(part):
            yield _Piece(piece.text, piece.words, glue)
            glue = " "
        glue = "\n" if block.by_lines else " "


def _cut(part: str) -> Iterator[_Piece]:
    """Cut a line or a sentence between words."""
    start, words = 0, 0
    for match in _WORD.finditer(part):
        for begin in range(match.start(), match.end(), MAX_WORDS * _LETTERS_OF_A_WORD // 2):
            weight = _weight(match[0][begin - match.start() :][: MAX_WORDS * 8])
            if words + weight > MAX_WORDS:
                yield _Piece(part[start:begin].rstrip(), words, "")
                start, words = begin, 0
            words += weight
    if words:
        yield _Piece(part[start:].rstrip(), words, "")


def _header(names: Iterable[str]) -> str:
    """Join headings; a page's first one often says its title again."""
    told = filter(None, map(_tidy, names))
    return " > ".join(name for name, _ in groupby(told))


def _tidy(name: str) -> str:
    """Return a heading as one short line; documents are written by strangers."""
    plain = "".join(char if char.isprintable() else " " for char in name[: _HEADING_CHARS * 4])
    return " ".join(plain.split())[:_HEADING_CHARS]
