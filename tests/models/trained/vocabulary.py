"""The trained model's vocabulary: whole words of its fixed language, single bytes for the rest.

llama.cpp cuts a text as for Llama 3 and takes a piece whole when the vocabulary has it, so that
no merges are needed. An unknown word is spelled the same wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gguf import GGUFWriter, TokenType

from tests.models.trained.language import fixed_text
from tests.models.vocab import CONTROL, Vocabulary, encode_piece

__all__ = ["TAGS", "Tokenizer", "write_vocabulary"]

TAGS = ("<tool_call>", "</tool_call>")
_PIECES = re.compile(
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|(?:[^\w\r\n]|_)?[^\W\d_]+|\d{1,3}"
    r"| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_WORD = re.compile(r" ?[A-Za-z]+")
_SYNTAX = ('{"', '":', ' "', '",', '"}}', ' {"', " {}}", " #", " (", "):", '"}', "()")


class Tokenizer:
    """Turns text into tokens exactly as llama.cpp does with this vocabulary."""

    def __init__(self) -> None:
        words = [word for word in _PIECES.findall(fixed_text()) if _WORD.fullmatch(word)]
        bare = {word.strip() for word in words}
        pieces = sorted({*bare, *(f" {word}" for word in bare)})
        whole = [piece for piece in (*pieces, *_SYNTAX) if len(piece) > 1]
        letters = [encode_piece(bytes([byte])) for byte in range(256)]
        self._texts = [*CONTROL, *TAGS, *letters, *(encode_piece(p.encode()) for p in whole)]
        self._bytes = len(CONTROL) + len(TAGS)
        self._whole = {piece: self._bytes + 256 + index for index, piece in enumerate(whole)}
        self._special = {text: index for index, text in enumerate((*CONTROL, *TAGS))}
        self._splitter = re.compile("(" + "|".join(map(re.escape, self._special)) + ")")

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self._texts)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of ``text``; the text of a control token counts as that token."""
        tokens: list[int] = []
        for part in self._splitter.split(text):
            if part in self._special:
                tokens.append(self._special[part])
            else:
                tokens.extend(self._encode_pieces(_PIECES.findall(part)))
        return tokens

    def _encode_pieces(self, pieces: Iterable[str]) -> Iterable[int]:
        for piece in pieces:
            if piece in self._whole:
                yield self._whole[piece]
            else:
                yield from (self._bytes + byte for byte in piece.encode())

    def pairs(self) -> list[tuple[int, int]]:
        """Return the tokens of each word with a space before it, and without."""
        spaced = [piece for piece in self._whole if piece.startswith(" ") and piece[1:].isalpha()]
        return [
            (self._whole[piece], self._whole[piece[1:]])
            for piece in spaced
            if piece[1:] in self._whole
        ]

    def vocabulary(self) -> Vocabulary:
        """Return the tokens as a GGUF file lists them."""
        plain = len(self._texts) - self._bytes
        types = [int(TokenType.CONTROL)] * len(CONTROL)
        types += [int(TokenType.USER_DEFINED)] * len(TAGS) + [int(TokenType.NORMAL)] * plain
        nul = encode_piece(b"\0")
        return Vocabulary(
            self._texts, types, [f"{nul} {nul}"]
        )  # one merge: the list may not be empty


def write_vocabulary(writer: GGUFWriter) -> None:
    """Write the tokenizer part of the GGUF's metadata."""
    vocabulary = Tokenizer().vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_eos_token_id(CONTROL.index("<|im_end|>"))
    writer.add_pad_token_id(CONTROL.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
